"""Either database as a test needs it: empty, opened once more, with all that is in it."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
import tempfile
import time

from arrivals.store.engine.migrate import migrate
from arrivals.store.engine.postgres import PostgresDatabase
from arrivals.store.engine.queries import parse
from arrivals.store.engine.sqlite import SqliteDatabase

START = 1_790_000_000_000_000  # 2026-09-21, in microseconds
_TABLES = parse("""
-- name: tables
SELECT /* pg: tablename AS */ name FROM
    /* sqlite: sqlite_schema WHERE type = 'table' */
    /* pg: pg_tables WHERE schemaname = CURRENT_SCHEMA() */
 ORDER BY name;
""")["tables"]


_MIGRATED = []  # the bytes of a file that was migrated once, to be copied


@asynccontextmanager
async def opened(path, clock):
    """A migrated database in this file."""
    if not path.exists():
        path.write_bytes(await _migrated())
    database = await SqliteDatabase.open(path, clock)
    try:
        yield database
    finally:
        await database.close()


async def _migrated():
    if not _MIGRATED:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "migrated.db"
            database = await SqliteDatabase.open(path, time.time_ns)
            await migrate(database, START)
            await database.close()
            _MIGRATED.append(path.read_bytes())
    return _MIGRATED[0]


@asynccontextmanager
async def reopened(database, clock, *, carries_signals=False):
    """The same database as another process, or the next one, opens it."""
    if isinstance(database, SqliteDatabase):
        again: SqliteDatabase | PostgresDatabase = await SqliteDatabase.open(database.path, clock)
    else:
        again = await PostgresDatabase.open(database.url, clock, connections=4, carries_signals=carries_signals)
    try:
        yield again
    finally:
        await again.close()


async def empty(database):
    """Empties the database without making a new one: quicker than TRUNCATE where there is little."""
    kept = ("migrations", "counters", "epochs")
    async with database.reading() as tx:
        names = [row["name"] for row in await tx.fetch(_TABLES) if row["name"] not in kept]
    text = " ".join(f"DELETE FROM {name};" for name in names)
    await database.script(f"{text} DELETE FROM counters WHERE name <> 'events'; UPDATE counters SET value = 0;")


async def all_written():
    """Waits for what others began to write together, such as what ends have taught: a pool outlives its tests."""
    writing = [task for task in asyncio.all_tasks() if "Batch._write_all" in repr(task.get_coro())]
    if writing:
        await asyncio.wait(writing)


async def everything(database):
    """Every row of every table but the replays themselves."""
    async with database.reading() as tx:
        names = [row["name"] for row in await tx.fetch(_TABLES)]
        queries = parse("".join(f"-- name: {name}\nSELECT * FROM {name};\n" for name in names))
        return {
            name: sorted(([*row.values()] for row in await tx.fetch(queries[name])), key=repr)
            for name in names
            if name != "replays"
        }
