"""Copies of an SQLite file: made while others write to it, checked, and put in its place.

Source: https://www.sqlite.org/backup.html
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
import os
from pathlib import Path
import sqlite3

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Unsuitable
from arrivals.store.engine.sqlite_file import look

COMPANIONS = ("-wal", "-shm")  # what SQLite keeps beside a file
BUSY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The content of a copy that was checked: its size, how much it holds, and the moment of its newest event."""

    path: Path
    size_bytes: int
    generations: int
    events: int
    newest_event_at: Micros | None


def copy_database(source: Path, target: Path) -> Copy:
    """A checked copy of a database of ours, as of one moment, complete or not there. Raises Unsuitable, OSError."""
    draft = target.with_name(f"{target.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        with _errors_named(source):
            _check_ours(source)
            with closing(_opened(source, "ro")) as original, closing(sqlite3.connect(draft)) as copied:
                original.backup(copied)
                copied.execute("PRAGMA journal_mode=DELETE")  # one file that needs no other
        draft.chmod(0o600)  # it holds the secrets of subscribers
        checked = inspect(draft)
        _flush(draft)
        draft.replace(target)
        _flush(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    return Copy(**{name: getattr(checked, name) for name in Copy.__slots__ if name != "path"}, path=target)


def inspect(path: Path) -> Copy:
    """The content of a file, after every page of it was checked. Raises Unsuitable where it is damaged or not ours."""
    with _errors_named(path):
        _check_ours(path)
    with _errors_named(path), closing(_opened(path, "ro")) as connection:
        problems = [text for (text,) in connection.execute("PRAGMA integrity_check(3)") if text != "ok"]
        if problems:
            raise Unsuitable(f"{path} is damaged: {'; '.join(problems)}")
        (generations,) = connection.execute("SELECT COUNT(*) FROM generations").fetchone()
        (events, newest) = connection.execute("SELECT COUNT(*), MAX(at) FROM events").fetchone()
    return Copy(
        path=path, size_bytes=path.stat().st_size, generations=generations, events=events, newest_event_at=newest
    )


def check_unused(path: Path) -> None:
    """Raises Unsuitable while a process has the file open. A file that SQLite cannot read is in use by nobody."""
    if not path.exists():
        return
    if not path.is_file():
        raise Unsuitable(f"{path} is no file, so no database can be put in its place")
    try:
        _check_ours(path)
        with closing(_opened(path, "rw")) as connection:
            connection.execute("PRAGMA busy_timeout=0")
            connection.execute("PRAGMA journal_mode=DELETE")  # SQLite leaves the write-ahead log only when it is alone
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Unsuitable(f"{path} is in use; stop `arrivals serve` first") from error
    except sqlite3.DatabaseError:
        return


def put_in_place(draft: Path, path: Path, suffix: str) -> Path | None:
    """Renames `draft` to `path`; returns where the database that was there is now, or None if there was none."""
    aside = path.with_name(path.name + suffix) if path.exists() else None
    if aside is not None:
        for companion in ("", *COMPANIONS):
            beside = path.with_name(path.name + companion)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + companion))
    draft.rename(path)
    _flush(path.parent)
    return aside


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S)


def _check_ours(path: Path) -> None:
    with closing(look(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"migrations", "generations", "events"} <= tables:
        raise Unsuitable(f"{path} is no database of Arrivals")


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unsuitable(f"cannot read the database {path}: {error}") from error


def _flush(path: Path) -> None:
    """Makes sure that a file, or the names in a folder, outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
