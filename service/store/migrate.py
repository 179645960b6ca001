"""Forward-only migrations with recorded digests. A database that holds an unknown or altered one is refused."""

import hashlib
from importlib import resources
import sqlite3

from service.core.wire import Micros
from service.store.base import Unsuitable
from service.store.sql import for_sqlite, parse
from service.store.sqlite import SqliteDatabase

_QUERIES = parse("""
-- name: applied
SELECT name, digest FROM migrations ORDER BY name;
-- name: is_there
SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'migrations';
""")


async def migrate(database: SqliteDatabase, now: Micros) -> list[str]:
    """Bring the schema up to date; the names that were applied now. Raises Unsuitable."""
    known = available()
    there = await applied(database)
    for name, digest in there.items():
        if name not in known:
            raise Unsuitable(
                f"{database.path} was written by a newer Arrivals (it holds migration {name}); upgrade this one"
            )
        if digest != _digest(known[name]):
            raise Unsuitable(
                f"migration {name} in {database.path} is not the one this Arrivals carries; restore its release"
            )
    return [
        name for name in known if name not in there and await _apply(database, name, _script(name, known[name], now))
    ]


async def applied(database: SqliteDatabase) -> dict[str, str]:
    """The digests of the migrations that were applied, by name."""
    async with database.reading() as tx:
        there = await tx.fetch(_QUERIES["is_there"])
        return {row["name"]: row["digest"] for row in await tx.fetch(_QUERIES["applied"])} if there else {}


async def _apply(database: SqliteDatabase, name: str, script: str) -> bool:
    """Whether it was applied now; False when another process did it at the same moment. Raises Unsuitable."""
    try:
        await database.script(script)
    except sqlite3.Error as error:
        if name in await applied(database):
            return False
        raise Unsuitable(f"migration {name} cannot be applied to {database.path}: {error}") from error
    return True


def available() -> dict[str, str]:
    """The texts of all migrations by name, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return {file.name.removesuffix(".sql"): file.read_text() for file in files}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _script(name: str, text: str, now: Micros) -> str:
    """One transaction by hand: sqlite3's executescript commits whatever is open before it starts.

    The name and digest are ours (a file's name and hexadecimal), so they may stand in the text.
    """
    record = f"INSERT INTO migrations (name, digest, applied_at) VALUES ('{name}', '{_digest(text)}', {now});"  # noqa: S608
    columns = "name TEXT PRIMARY KEY, digest TEXT NOT NULL, applied_at INT NOT NULL"
    table = f"CREATE TABLE IF NOT EXISTS migrations ({columns}) STRICT;"
    return f"BEGIN IMMEDIATE;\n{table}\n{for_sqlite(text)}\n{record}\nCOMMIT;"
