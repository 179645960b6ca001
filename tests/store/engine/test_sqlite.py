"""The SQLite driver's promises: all or nothing, one writer, readers that wait for nobody, bells that are not lost."""

import asyncio
from contextlib import AsyncExitStack
import sqlite3
import stat
import threading

import aiosqlite
import anyio
import pytest

from arrivals.store.engine import group_commit
from arrivals.store.engine import sqlite as room
from arrivals.store.engine.base import Rejected, Unavailable, Unsuitable
from arrivals.store.engine.group_commit import MAX_BLOCKS
from arrivals.store.engine.queries import parse
from arrivals.store.engine.sqlite import READERS, SqliteDatabase
from tests.support.databases import opened
from tests.support.eventually import turns

LOG_BYTES = 400_000
QUERIES = parse("""
-- name: add
INSERT INTO notes (text) VALUES (:text);
-- name: all
SELECT text FROM notes ORDER BY text;
-- name: count
SELECT COUNT(*) AS counted FROM notes;
-- name: bump
UPDATE numbers SET number = :number WHERE id = 1;
-- name: number
SELECT number FROM numbers;
-- name: orphan
INSERT INTO children (parent) VALUES (17);
-- name: journal
PRAGMA journal_mode;
-- name: synchronous
PRAGMA synchronous;
-- name: foreign_keys
PRAGMA foreign_keys;
-- name: nonsense
SELECT nothing FROM nowhere;
""")
SCHEMA = """
CREATE TABLE notes (text TEXT NOT NULL);
CREATE TABLE numbers (id INT PRIMARY KEY, number INT NOT NULL);
INSERT INTO numbers VALUES (1, 0);
CREATE TABLE children (parent INT NOT NULL REFERENCES numbers (id) DEFERRABLE INITIALLY DEFERRED);
"""


@pytest.fixture
async def notes(sqlite):
    await sqlite.script(SCHEMA)
    return sqlite


async def add(database, *texts, then=None):
    async with database.transaction() as tx:
        for text in texts:
            await tx.fetch(QUERIES["add"], text=text)
        if then is not None:
            await then(tx)


async def texts_in(database):
    async with database.reading() as tx:
        return [row["text"] for row in await tx.fetch(QUERIES["all"])]


async def test_committed_is_seen_by_everybody(notes, clock):
    await add(notes, "one")
    async with opened(notes.path, clock) as other:
        assert ["one"] == await texts_in(notes) == await texts_in(other)


async def test_commit_survives_closing(notes, clock):
    await add(notes, "one")
    await notes.close()
    async with opened(notes.path, clock) as again:
        assert ["one"] == await texts_in(again)


async def test_error_undoes_everything(notes):
    async def fail(_tx):
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await add(notes, "one", then=fail)
    assert [] == await texts_in(notes)
    await add(notes, "two")
    assert ["two"] == await texts_in(notes)


async def test_refused_query_undoes_what_stood_before_it(notes):
    with pytest.raises(sqlite3.IntegrityError):
        await add(notes, "one", None)
    assert [] == await texts_in(notes)


async def test_refused_commit_undoes_everything(notes):
    """An error that only the commit finds leaves no transaction open."""
    with pytest.raises(sqlite3.IntegrityError):
        await add(notes, "one", then=lambda tx: tx.fetch(QUERIES["orphan"]))
    await add(notes, "two")
    assert ["two"] == await texts_in(notes)


async def test_cancellation_undoes_everything(notes):
    began, scope = anyio.Event(), anyio.CancelScope()

    async def write():
        with scope:
            async with notes.transaction() as tx:
                await tx.fetch(QUERIES["add"], text="one")
                began.set()
                await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await began.wait()
        scope.cancel()
    assert scope.cancelled_caught
    await add(notes, "two")
    assert ["two"] == await texts_in(notes)


async def test_cancellation_during_the_commit_waits_for_it(notes):
    """A commit that has reached the disk is not half there."""
    async with anyio.create_task_group() as group:
        group.start_soon(add, notes, "one")
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert ["one"] == await texts_in(notes)
    await add(notes, "two")


async def test_blocks_that_queue_share_a_commit(notes):
    """A first commit is under way while the others gather; then one commit ends them all."""
    commits = []
    notes.writer.connection.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(add, notes, str(number))
    assert 20 == len(await texts_in(notes))
    assert 2 >= len(commits)


async def test_failing_block_is_undone_alone(notes):
    """Its neighbors in the same commit are kept."""
    failed = []

    async def fail(_tx):
        raise RuntimeError("on purpose")

    async def add_badly():
        with pytest.raises(RuntimeError, match="on purpose"):
            await add(notes, "bad", then=fail)
        failed.append(1)

    async with anyio.create_task_group() as group:
        group.start_soon(add, notes, "one")
        group.start_soon(add_badly)
        group.start_soon(add, notes, "two")
    assert [1] == failed
    assert ["one", "two"] == await texts_in(notes)


async def test_no_block_ends_before_its_commit(notes, clock):
    """A transaction that has ended is in the file."""
    seen = []

    async def add_and_look(text):
        await add(notes, text)
        async with notes.reading() as tx:
            seen.append(text in [row["text"] for row in await tx.fetch(QUERIES["all"])])

    async with anyio.create_task_group() as group:
        for number in range(MAX_BLOCKS * 3):
            group.start_soon(add_and_look, str(number))
    assert [True] * MAX_BLOCKS * 3 == seen


async def test_disk_that_fills_up_undoes_the_whole_commit(notes):
    """Every block of the commit is told; once there is space again, everything goes on."""
    connection = notes.writer.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    refused = []

    async def add_much(text):
        try:
            await add(notes, text * 100_000)
        except Unavailable as error:
            refused.append(str(error))

    async with anyio.create_task_group() as group:
        for text in "abc":
            group.start_soon(add_much, text)
    assert ["the database cannot be used just now: database or disk is full"] * 3 == refused
    assert [] == await texts_in(notes)
    connection.execute("PRAGMA max_page_count=1000000")
    await add(notes, "one")
    assert ["one"] == await texts_in(notes)


async def test_neighbours_of_a_block_that_undid_everything_are_told_in_the_databases_words(notes):
    """The exception that the block raised is its own affair."""
    refusals = []

    async def add_one():
        try:
            await add(notes, "one")
        except Unavailable as error:
            refusals.append(str(error))

    async def undo_everything():
        async def undo(_tx):
            notes.writer.connection.execute("ROLLBACK")
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            await add(notes, "two", then=undo)

    async with anyio.create_task_group() as group:
        group.start_soon(add, notes, "before")
        group.start_soon(add_one)
        group.start_soon(undo_everything)
    assert ["the database cannot be used just now: its commit was undone: mine"] == refusals
    assert ["before"] == await texts_in(notes)


async def test_long_statement_runs_beside_everything_else(notes):
    """A long statement runs in the writer's thread; the loop goes on."""
    long = next(iter(parse("-- name: add (long)\nINSERT INTO notes (text) VALUES (:text);").values()))
    threads = []
    notes.writer.connection.create_function("here", 0, lambda: threads.append(threading.current_thread().name))
    async with notes.transaction() as tx:
        await tx.fetch(long, text="one")
        await tx.fetch(parse("-- name: a (long)\nSELECT here();")["a"])
        await tx.fetch(parse("-- name: b\nSELECT here();")["b"])
    assert [True, False] == [name.startswith("sqlite-commit") for name in threads]
    assert ["one"] == await texts_in(notes)


async def test_cancelled_while_waiting_for_the_writer_leaves_it_free(notes):
    async with notes.transaction(), anyio.create_task_group() as group:
        group.start_soon(add, notes, "one")
        await turns()
        group.cancel_scope.cancel()
    await add(notes, "two")
    assert ["two"] == await texts_in(notes)


async def test_reader_sees_a_snapshot_and_waits_for_no_writer(notes):
    await add(notes, "one")
    async with notes.transaction() as writing:
        await writing.fetch(QUERIES["add"], text="two")
        async with notes.reading() as reading:
            assert [{"text": "one"}] == await reading.fetch(QUERIES["all"])
        assert [{"text": "one"}, {"text": "two"}] == await writing.fetch(QUERIES["all"])


async def test_snapshot_stays_while_others_commit(notes):
    await add(notes, "one")
    async with notes.reading() as reading:
        before = await reading.fetch(QUERIES["all"])
        await add(notes, "two")
        assert before == await reading.fetch(QUERIES["all"])
    assert ["one", "two"] == await texts_in(notes)


async def test_the_log_does_not_grow_for_ever_where_one_reader_begins_before_the_last_has_ended(notes, monkeypatch):
    """SQLite alone goes back to its log's beginning only in a moment in which nobody reads from it."""
    monkeypatch.setattr(group_commit, "MAX_LOG_BYTES", LOG_BYTES)
    notes.writer._log_limit = LOG_BYTES
    done, log = anyio.Event(), notes.path.with_name(f"{notes.path.name}-wal")

    async def read_on():
        async with AsyncExitStack() as last:
            while not done.is_set():
                view = AsyncExitStack()
                tx = await view.enter_async_context(notes.reading())
                await tx.fetch(QUERIES["count"])
                await last.aclose()
                last.push_async_exit(view)

    async with anyio.create_task_group() as group:
        group.start_soon(read_on)
        for _ in range(60):
            await add(notes, "x" * (LOG_BYTES // 10))
        done.set()

    assert log.stat().st_size < 3 * LOG_BYTES


async def test_a_log_that_somebody_reads_from_for_long_is_begun_anew_later(notes, monkeypatch):
    for name, value in (("MAX_LOG_BYTES", LOG_BYTES), ("READERS_MS", 10)):
        monkeypatch.setattr(group_commit, name, value)
    notes.writer._log_limit = LOG_BYTES
    log = notes.path.with_name(f"{notes.path.name}-wal")
    async with notes.reading() as tx:
        await tx.fetch(QUERIES["count"])
        for _ in range(15):
            await add(notes, "x" * (LOG_BYTES // 10))
        held = log.stat().st_size

    for _ in range(15):
        await add(notes, "x" * (LOG_BYTES // 10))

    assert held > LOG_BYTES
    assert log.stat().st_size < held
    assert 30 == len(await texts_in(notes))


async def test_one_reader_too_many_waits_for_a_place(notes):
    async with anyio.create_task_group() as group:
        for _ in range(READERS * 4):
            group.start_soon(texts_in, notes)
    assert [] == await texts_in(notes)


async def test_failing_reader_gives_its_place_back(notes):
    for _ in range(READERS + 1):
        with pytest.raises(Unavailable):
            async with notes.reading() as tx:
                await tx.fetch(QUERIES["nonsense"])
    assert [] == await texts_in(notes)


async def test_a_reader_that_asyncio_cancels_while_it_begins_leaves_its_place_usable(notes):
    """No shield holds that off, and BEGIN is made in its thread all the same."""
    await texts_in(notes)
    for step in range(12):
        reading = asyncio.ensure_future(texts_in(notes))
        await turns(step)
        reading.cancel()
        await asyncio.wait([reading])

    for _ in range(READERS + 1):
        assert [] == await texts_in(notes)


async def test_many_writers_lose_nothing(notes):
    """A read inside a writing transaction is never overtaken: every increment counts."""

    async def increment(_):
        async with notes.transaction() as tx:
            number = (await tx.fetch(QUERIES["number"]))[0]["number"]
            await anyio.lowlevel.checkpoint()
            await tx.fetch(QUERIES["bump"], number=number + 1)

    async with anyio.create_task_group() as group:
        for writer in range(50):
            group.start_soon(increment, writer)
    async with notes.reading() as tx:
        assert [{"number": 50}] == await tx.fetch(QUERIES["number"])


async def test_two_databases_on_one_file_lose_nothing(notes, clock):
    """The two behave as two processes would: the second waits for the first one's commit."""

    async def increment(database):
        for _ in range(10):
            async with database.transaction() as tx:
                number = (await tx.fetch(QUERIES["number"]))[0]["number"]
                await tx.fetch(QUERIES["bump"], number=number + 1)

    async with opened(notes.path, clock) as other, anyio.create_task_group() as group:
        group.start_soon(increment, notes)
        group.start_soon(increment, other)
    async with notes.reading() as tx:
        assert [{"number": 20}] == await tx.fetch(QUERIES["number"])


async def test_lock_that_is_held_too_long_is_said_and_passes(notes, clock, monkeypatch):
    monkeypatch.setattr(room, "BUSY_MS", 1)
    async with opened(notes.path, clock) as other:
        async with notes.transaction():
            with pytest.raises(Unavailable, match="just now: database is locked"):
                await add(other, "one")
        await add(other, "two")
    assert ["two"] == await texts_in(notes)


async def test_only_the_owner_can_read_the_file(tmp_path, clock):
    database = await SqliteDatabase.open(tmp_path / "fresh.db", clock)
    await database.close()
    assert 0o600 == stat.S_IMODE(database.path.stat().st_mode)


async def test_commit_survives_the_loss_of_power(sqlite):
    """Write-ahead log, and every commit flushed to the disk (2 is FULL)."""
    for view in (sqlite.transaction, sqlite.reading):
        async with view() as tx:
            assert [{"journal_mode": "wal"}] == await tx.fetch(QUERIES["journal"])
            assert [{"synchronous": 2}] == await tx.fetch(QUERIES["synchronous"])
            assert [{"foreign_keys": 1}] == await tx.fetch(QUERIES["foreign_keys"])


async def test_run_many_tells_how_many_rows_were_written(notes):
    async with notes.transaction() as tx:
        assert 0 == await tx.run_many(QUERIES["add"], [])
        assert 2 == await tx.run_many(QUERIES["add"], [{"text": "one"}, {"text": "two"}])
        assert 1 == await tx.run_many(QUERIES["bump"], [{"number": 5}])
    assert ["one", "two"] == await texts_in(notes)


async def test_the_clock_is_the_one_it_was_given(sqlite, clock):
    async with sqlite.transaction() as tx:
        assert clock.at + 1 == await tx.now()


async def test_failing_script_leaves_nothing_behind(notes):
    with pytest.raises(Rejected, match="syntax error"):
        await notes.script("INSERT INTO notes VALUES ('one'); SELECT nothing FROM nowhere;")
    assert [] == await texts_in(notes)
    await add(notes, "two")


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"no database" * 100)], ids=["folder", "other"]
)
async def test_unsuitable_path_is_said_in_one_line(tmp_path, clock, make):
    path = tmp_path / "here"
    make(path)
    with pytest.raises(Unsuitable, match=rf"^cannot open the database {path}: [^\n]+$"):
        await SqliteDatabase.open(path, clock)


async def test_missing_folder_is_said_in_one_line(tmp_path, clock):
    with pytest.raises(Unsuitable, match="cannot open the database"):
        await SqliteDatabase.open(tmp_path / "no" / "folder" / "arrivals.db", clock)


async def test_too_old_an_sqlite_is_said_in_one_line(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.36.0")
    with pytest.raises(Unsuitable, match=r"SQLite 3\.36\.0 is too old; Python must carry 3\.37 or newer"):
        await SqliteDatabase.open(tmp_path / "arrivals.db", clock)


async def test_closed_database_says_so(sqlite):
    await sqlite.close()
    for use in (sqlite.transaction(), sqlite.reading()):
        with pytest.raises(Unsuitable, match="closed"):
            async with use:
                pass
    with pytest.raises(Unsuitable, match="closed"):
        await sqlite.script("SELECT 1;")


async def test_closing_twice_is_nothing(sqlite):
    await sqlite.close()
    await sqlite.close()


async def test_ring_between_heard_and_wait_is_not_lost(sqlite):
    heard = sqlite.version("work")
    sqlite.notify("work")
    with anyio.fail_after(1):
        await sqlite.wait("work", heard, 60)


async def test_ring_wakes_everybody_who_waits(sqlite):
    heard = sqlite.version("work")
    async with anyio.create_task_group() as group:
        group.start_soon(sqlite.wait, "work", heard, 60)
        group.start_soon(sqlite.wait, "work", heard, 60)
        await turns()
        sqlite.notify("work")
    assert heard + 1 == sqlite.version("work")


async def test_other_bell_wakes_nobody(sqlite):
    woken = []

    async def wait():
        await sqlite.wait("work", sqlite.version("work"), 60)
        woken.append("work")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await turns()
        sqlite.notify("rest")
        await turns()
        assert [] == woken
        sqlite.notify("work")
    assert ["work"] == woken


async def test_waiting_ends_by_itself(sqlite):
    await sqlite.wait("work", sqlite.version("work"), 0.001)
    assert 0 == sqlite.version("work")


async def test_many_may_open_a_fresh_file_at_once(tmp_path):
    """Turning to the write-ahead log, SQLite refuses one of two at once, however long it may wait for locks."""
    for number in range(50):
        databases = []

        async def open_it(path=tmp_path / f"{number}.db", databases=databases):
            databases.append(await SqliteDatabase.open(path, lambda: 0))

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(open_it)
        assert 8 == len(databases)
        for database in databases:
            await database.close()


async def test_a_reader_that_connects_while_the_database_is_closed_is_closed_too(tmp_path, clock, monkeypatch):
    """Otherwise its thread and its file would stay for as long as the process."""
    database = await SqliteDatabase.open(tmp_path / "notes.db", clock)
    connect, connections, closed = aiosqlite.connect, [], anyio.Event()

    async def connected_late(*arguments, **options):
        connections.append(await connect(*arguments, **options))
        await database.close()
        closed.set()
        return connections[0]

    monkeypatch.setattr(aiosqlite, "connect", connected_late)
    with pytest.raises(Unsuitable, match="the database is closed"):
        async with database.reading():
            pass

    assert closed.is_set()
    with pytest.raises(ValueError, match="no active connection"):
        await connections[0].execute("SELECT 1")
