"""The one writing connection to an SQLite file: blocks run one after the other, and those that queued share a commit.

A statement costs microseconds and runs on the event loop; a commit waits for the disk, so it runs in a thread of its
own. While one commit is being written the next blocks gather, and no block ends before its commit: no time is lost to
waiting, and nothing is promised too early. A block that fails is rolled back alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import sqlite3
from typing import TypeVar

import anyio

T = TypeVar("T")

MAX_LOG_BYTES = 64 * 2**20  # SQLite itself restarts its log at 4 MiB, but only when nobody reads from it
READERS_MS = 200  # how long a restart of the log waits for readers
GROWN = 1.25  # after a failed restart the log must grow by this factor before the next try
MAX_BLOCKS = 64  # in one commit; bounds how long the first of them waits
LOOK_EVERY_S = 0.001  # how often the write lock is tried while another process has it


@dataclass(slots=True, eq=False)
class _Group:
    """The blocks of one commit: their number, and the outcome of the commit once it has ended."""

    blocks: int = 0
    ended: bool = False
    error: BaseException | None = None


class Writer:
    """Runs blocks on one connection, which nothing else uses.

    `log`: the file's write-ahead log. `busy_s`: how long to wait for another process.
    """

    def __init__(self, connection: sqlite3.Connection, log: Path, busy_s: float) -> None:
        self.connection = connection
        self._log, self._log_limit = log, MAX_LOG_BYTES
        self._busy_s = busy_s
        self._turn = anyio.Lock(fast_acquire=True)
        self._group: _Group | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")

    @asynccontextmanager
    async def block(self) -> AsyncIterator[sqlite3.Connection]:
        """A block: all of it is on the disk when it ends, or none of it if it raises. Raises sqlite3.Error."""
        group: _Group | None = None
        try:
            async with self._turn:
                group = await self._joined()
                first = group.blocks == 1  # alone it needs no savepoint, which copies every page that it changes
                if not first:
                    self.connection.execute("SAVEPOINT block")
                try:
                    yield self.connection
                except BaseException as error:
                    self._undo(group, error, whole=first)
                    raise
                if not first:
                    self.connection.execute("RELEASE block")
        finally:
            if group is not None:
                with anyio.CancelScope(shield=True):
                    await self._committed(group)
        if group.error is not None:
            raise group.error

    async def alone(self, work: Callable[[], T]) -> T:
        """Runs work on the connection outside any group, in the thread."""
        async with self._turn:
            if self._group is not None:
                await self._commit(self._group)
            return await self.in_thread(work)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Runs slow work within a block; shielded, because a thread cannot be stopped."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        with anyio.CancelScope(shield=True):
            await asyncio.wait([running])
        return running.result()

    def close(self) -> None:
        """Closes the connection; what was not committed is rolled back."""
        self._thread.shutdown()
        self.connection.close()

    async def _joined(self) -> _Group:
        """The group of the next block."""
        if self._group is not None and self._group.blocks >= MAX_BLOCKS:
            with anyio.CancelScope(shield=True):
                await self._commit(self._group)
        if self._group is None:
            await self._begin()
            self._group = _Group()
        self._group.blocks += 1
        return self._group

    async def _begin(self) -> None:
        """Takes the write lock first, so that nothing read in a block can be overtaken."""
        give_up = anyio.current_time() + self._busy_s
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or anyio.current_time() > give_up:
                    raise
                await anyio.sleep(LOOK_EVERY_S)
            else:
                return

    def _undo(self, group: _Group, error: BaseException, *, whole: bool) -> None:
        """Rolls one block back. A full or broken disk may have undone the whole group already."""
        if whole and self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
            self._end(group, None)
        elif self.connection.in_transaction:
            self.connection.execute("ROLLBACK TO block")
            self.connection.execute("RELEASE block")
        else:
            undone = sqlite3.OperationalError(f"its commit was undone: {error}")
            self._end(group, error if isinstance(error, sqlite3.Error) else undone)

    async def _committed(self, group: _Group) -> None:
        """The first block to arrive commits for all; those that queued before have joined by then."""
        if not group.ended:
            async with self._turn:
                if not group.ended:
                    await self._commit(group)

    async def _commit(self, group: _Group) -> None:
        try:
            await self.in_thread(self._write)
        except sqlite3.Error as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self._end(group, error)
        else:
            self._end(group, None)

    def _write(self) -> None:
        self.connection.execute("COMMIT")
        if self._log_bytes() > self._log_limit:
            self._restart_log()

    def _restart_log(self) -> None:
        """Restarts the log: under load a reader always overlaps the next, and the log would grow forever."""
        with contextlib.suppress(sqlite3.Error):  # what was committed stands; a broken disk shows at the next commit
            self.connection.execute(f"PRAGMA busy_timeout={READERS_MS}")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.connection.execute("PRAGMA busy_timeout=0")
        self._log_limit = max(MAX_LOG_BYTES, int(self._log_bytes() * GROWN))

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _end(self, group: _Group, error: BaseException | None) -> None:
        group.ended, group.error, self._group = True, error, None
