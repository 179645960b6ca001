"""The check of `arrivals doctor` that backups of an SQLite database are being made."""

from collections.abc import Iterator
from datetime import timedelta

from arrivals.assembly import clock
from arrivals.cli.doctor.local import Check
from arrivals.config.settings import Settings
from arrivals.core.wire import SECOND, rfc3339
from arrivals.store.diagnosis import Diagnosis

OLD = timedelta(days=7)


def backup(settings: Settings, diagnosis: Diagnosis) -> Iterator[Check]:
    """The check that the latest `arrivals backup` is not old."""
    if settings.database_path is None:
        return
    if diagnosis.backup is None:
        result = "none was made by `arrivals backup`; make one each day, or copy the disk by other means"
        yield Check(name="backup", ok=True, result=result)
        return
    at, file = diagnosis.backup
    age = timedelta(seconds=(clock() - at) / SECOND)
    result = f"the latest is of {rfc3339(at)}, in {file}"
    if age > OLD:
        advice = "run `arrivals backup FILE` again, and find out why it no longer runs"
        yield Check(name="backup", ok=False, result=f"{result}: {age.days} days old", advice=advice)
    else:
        yield Check(name="backup", ok=True, result=result)
