"""A path before SQLite opens it for writing: a database of Arrivals, a place for one, or somebody else's.

Looking changes nothing, neither the file nor what stands beside it.
"""

from contextlib import closing
from pathlib import Path
import sqlite3
from urllib.parse import quote

from arrivals.store.engine.base import Unsuitable

MAGIC = b"SQLite format 3\x00"  # https://www.sqlite.org/fileformat.html#the_database_header
BUSY_S = 10.0
ELSEWHERE = "set ARRIVALS_DATABASE to another path"


def no_database(name: str) -> Unsuitable:
    """The error of a command about an existing database where there is none."""
    return Unsuitable(
        f"there is no database of Arrivals in {name}; set ARRIVALS_DATABASE to that of your service, "
        "or make one: `arrivals serve` does, and `arrivals migrate --create`"
    )


def examine(path: Path, *, create: bool) -> None:
    """Raises Unsuitable for what is something else; without `create` also where there is no database yet."""
    if not _is_ours(path) and not create:
        raise no_database(str(path.absolute()))


def _is_ours(path: Path) -> bool:
    """True for a database of Arrivals, False where there is none yet. Raises Unsuitable for what is something else."""
    try:
        if not path.exists():
            return False
        if not path.is_file():
            raise _unusable(path, f"it is {'a folder' if path.is_dir() else 'no file'}; {ELSEWHERE}")
        with path.open("rb") as file:
            beginning = file.read(len(MAGIC))
        if not beginning:
            return False
        if beginning != MAGIC:
            raise _unusable(path, f"it is a file, but no SQLite database; {ELSEWHERE}")
        return _has_migrations(path)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, str(error)) from error


def _has_migrations(path: Path) -> bool:
    """True if our first migration was applied, False if there are no tables. Raises Unsuitable for others' tables."""
    with closing(look(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if "migrations" in tables and _is_first(connection):
            return True
    if tables:
        more = f" and {len(tables) - 1} more" if len(tables) > 1 else ""
        raise _unusable(path, f"it is of another program (it has the table {tables[0]}{more}); {ELSEWHERE}")
    return False


def _is_first(connection: sqlite3.Connection) -> bool:
    columns = {row[1] for row in connection.execute("PRAGMA table_info(migrations)")}
    if not {"name", "digest", "applied_at"} <= columns:
        return False
    return bool(connection.execute("SELECT 1 FROM migrations WHERE name = '0001_initial'").fetchall())


def look(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing: one that only reads would still make files beside it, if it finds no log."""
    log = path.with_name(f"{path.name}-wal")
    how = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, timeout=BUSY_S)


def _unusable(path: Path, reason: str) -> Unsuitable:
    return Unsuitable(f"cannot open the database {path}: {reason}")
