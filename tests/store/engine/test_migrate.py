"""Migrations go forward only, whole or not at all, and refuse what they do not know."""

from datetime import UTC, datetime
import hashlib
import subprocess
import sys

import anyio
import pytest

from arrivals.store.engine import migrate as room
from arrivals.store.engine.base import Unsuitable
from arrivals.store.engine.migrate import available, compare, migrate
from arrivals.store.engine.postgres import PostgresDatabase
from arrivals.store.engine.queries import parse
from arrivals.store.engine.sqlite import SqliteDatabase
from tests.support.postgres import fresh_database

NOW = round(datetime(2026, 9, 21, tzinfo=UTC).timestamp() * 1_000_000)
QUERIES = parse("""
-- name: applied
SELECT name, digest, applied_at FROM migrations ORDER BY name;
-- name: alter
UPDATE migrations SET digest = 'another';
-- name: tables
SELECT /* pg: tablename AS */ name FROM /* sqlite: sqlite_master WHERE type = 'table' */
    /* pg: pg_tables WHERE schemaname = CURRENT_SCHEMA() */
 ORDER BY name;
""")
MIGRATE = """
import sys, anyio
from pathlib import Path
from arrivals.store.engine.migrate import migrate
from arrivals.store.engine.sqlite import SqliteDatabase

async def main():
    database = await SqliteDatabase.open(Path(sys.argv[1]), lambda: 0)
    try:
        print(len(await migrate(database, 1)))
    finally:
        await database.close()

sys.stdin.readline()
anyio.run(main)
"""


@pytest.fixture
async def fresh_sqlite(tmp_path, clock):
    path = tmp_path / "arrivals.db"

    async def again():
        return await SqliteDatabase.open(path, clock)

    database = await again()
    database.again = again
    yield database
    await database.close()


@pytest.fixture
async def fresh_postgres(postgres_url, clock):
    with fresh_database(postgres_url) as url:

        async def again():
            return await PostgresDatabase.open(url, clock, connections=2, carries_signals=False)

        database = await again()
        database.again = again
        yield database
        await database.close()


@pytest.fixture(params=["fresh_sqlite", "fresh_postgres"])
def fresh(request):
    """A database without any table; `again()` opens it once more."""
    return request.getfixturevalue(request.param)


async def rows(database, name):
    async with database.reading() as tx:
        return await tx.fetch(QUERIES[name])


async def test_fresh_database_gets_everything(fresh):
    applied = await migrate(fresh, NOW)
    assert list(available()) == applied
    assert ["0001_initial", *sorted(available())[1:]] == applied
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in available().items()}
    assert [{"name": name, "digest": digests[name], "applied_at": NOW} for name in applied] == await rows(
        fresh, "applied"
    )


async def test_again_is_nothing(fresh):
    await migrate(fresh, NOW)
    before = await rows(fresh, "applied")
    assert [] == await migrate(fresh, NOW + 1)
    assert before == await rows(fresh, "applied")


async def test_altered_migration_is_refused(fresh):
    await migrate(fresh, NOW)
    async with fresh.transaction() as tx:
        await tx.fetch(QUERIES["alter"])
    with pytest.raises(Unsuitable, match=r"migration 0001_initial in .* is not the one this Arrivals carries"):
        await migrate(fresh, NOW)


async def test_database_of_a_newer_release_is_refused(fresh):
    await migrate(fresh, NOW)
    await fresh.script("INSERT INTO migrations VALUES ('9999_later', 'digest', 1);")
    with pytest.raises(Unsuitable, match=r"newer Arrivals .it holds migration 9999_later.; upgrade"):
        await migrate(fresh, NOW)


async def test_older_release_runs_on_what_a_newer_one_prepared(fresh, monkeypatch):
    """New schema, old code: what a `pre` migration made does not stop who does not know it."""
    current = available()
    with monkeypatch.context() as newer:
        newer.setattr(room, "available", lambda: {**current, "9000_pre_more": "CREATE TABLE more (id TEXT);"})
        assert [*current, "9000_pre_more"] == await migrate(fresh, NOW)
    assert [] == await migrate(fresh, NOW)
    assert ("9000_pre_more",) == (await compare(fresh)).newer


async def test_older_release_is_refused_after_what_only_the_newer_one_bears(fresh, monkeypatch):
    current = available()
    with monkeypatch.context() as newer:
        newer.setattr(room, "available", lambda: {**current, "9000_post_less": "DROP TABLE ledgers;"})
        await migrate(fresh, NOW)
    with pytest.raises(Unsuitable, match="it holds migration 9000_post_less"):
        await migrate(fresh, NOW)


async def test_post_migration_waits_until_it_is_asked_for(fresh, monkeypatch):
    """Old code may still run on it; the new code runs before it and after it."""
    current = available()
    later = {**current, "9000_post_less": "DROP TABLE ledgers;", "9001_pre_more": "CREATE TABLE more (id TEXT);"}
    monkeypatch.setattr(room, "available", lambda: later)
    assert [*current, "9001_pre_more"] == await migrate(fresh, NOW, post=False)
    assert ("9000_post_less",) == (await compare(fresh)).post
    assert [] == await migrate(fresh, NOW, post=False)
    assert ["9000_post_less"] == await migrate(fresh, NOW)
    assert ((), ()) == ((await compare(fresh)).pre, (await compare(fresh)).post)


async def test_further_migration_is_added(fresh, monkeypatch):
    await migrate(fresh, NOW)
    current = available()
    monkeypatch.setattr(room, "available", lambda: {**current, "9000_more": "CREATE TABLE more (id TEXT);"})
    assert ["9000_more"] == await migrate(fresh, NOW)
    assert "more" in [row["name"] for row in await rows(fresh, "tables")]


async def test_failing_migration_leaves_nothing_behind(fresh, monkeypatch):
    monkeypatch.setattr(room, "available", lambda: {"9000_bad": "CREATE TABLE half (id TEXT); CREATE NONSENSE;"})
    with pytest.raises(Unsuitable, match=r"migration 9000_bad cannot be applied to .*NONSENSE"):
        await migrate(fresh, NOW)
    assert [] == await rows(fresh, "tables")
    monkeypatch.undo()
    assert list(available()) == await migrate(fresh, NOW)


async def test_two_instances_may_migrate_at_once(fresh):
    """Each migration is applied by exactly one of them, and both go on."""
    second = await fresh.again()
    applied = []

    async def go(database):
        applied.extend(await migrate(database, NOW))

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(go, fresh)
            group.start_soon(go, second)
    finally:
        await second.close()
    assert list(available()) == sorted(applied)
    assert list(available()) == [row["name"] for row in await rows(fresh, "applied")]


@pytest.mark.timeout(30)
def test_several_processes_may_start_on_a_fresh_file_at_once(tmp_path):
    path = tmp_path / "arrivals.db"
    command = [sys.executable, "-c", MIGRATE, str(path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0] for process in processes]
    assert [0] * 4 == [process.returncode for process in processes], outputs
    assert len(available()) == sum(map(int, outputs))


async def test_a_table_of_migrations_that_is_not_ours_is_said(fresh):
    """Frameworks have a table of this name, too."""
    await fresh.script("CREATE TABLE migrations (id INT, batch INT);")

    with pytest.raises(Unsuitable, match="has the table migrations of another program"):
        await migrate(fresh, NOW)
