"""The check of `arrivals doctor` that there is room where the SQLite database lies."""

from collections.abc import Iterator
import shutil

from arrivals.cli.doctor.local import Check
from arrivals.config.settings import Settings
from arrivals.store.diagnosis import Diagnosis

MIN_FREE_BYTES = 2**30
MIN_FREE_SHARE = 0.1  # of the size of the database
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def disk(settings: Settings, diagnosis: Diagnosis) -> Iterator[Check]:
    """The check of the free space; of a server's disk nothing can be said from here."""
    path = settings.database_path
    if path is None:
        return
    folder = path.resolve().parent
    free = shutil.disk_usage(folder).free
    result = f"{in_words(free)} free at {folder}; the database has {in_words(diagnosis.bytes)}"
    if free >= max(MIN_FREE_BYTES, MIN_FREE_SHARE * diagnosis.bytes):
        yield Check(name="disk", ok=True, result=result)
    else:
        advice = "make room, or keep less (ARRIVALS_KEEP_…); when it is full, webhooks and orders are answered 503"
        yield Check(name="disk", ok=False, result=result, advice=advice)


def in_words(size: float) -> str:
    """A number of bytes for people."""
    unit = 0
    while size >= 1024 and unit < len(UNITS) - 1:  # noqa: PLR2004 - what the units mean
        size, unit = size / 1024, unit + 1
    return f"{size:.{1 if unit else 0}f} {UNITS[unit]}"
