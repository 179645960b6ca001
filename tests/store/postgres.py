"""Enough of a PostgreSQL driver to run every query of the store on a real server."""

from contextlib import asynccontextmanager

import psycopg
from psycopg.rows import dict_row

TABLES = (
    "generations", "orders", "idempotency_keys", "webhooks", "observations", "events", "subscribers", "deliveries",
    "attempts", "ledgers", "durations", "api_keys", "kept_outputs", "replays",
)  # fmt: skip


class PostgresTx:
    """One transaction; see service.store.base.Tx."""

    def __init__(self, connection, clock):
        self._connection, self._clock = connection, clock

    async def fetch(self, query, **values):
        """Run one query."""
        cursor = await self._connection.execute(query.postgres, values)
        return await cursor.fetchall() if cursor.description else []

    async def run_many(self, query, rows):
        """Run one query for each set of values."""
        if not rows:
            return 0
        async with self._connection.cursor() as cursor:
            await cursor.executemany(query.postgres, rows)
            return cursor.rowcount

    async def now(self):
        """The test's clock."""
        return self._clock()


class PostgresDatabase:
    """Each transaction has a connection of its own, so that they truly run beside each other."""

    def __init__(self, uri, clock):
        self._uri, self._clock = uri, clock

    async def empty(self):
        """As a fresh database is, without making one."""
        async with await psycopg.AsyncConnection.connect(self._uri) as connection:
            emptied = [f"DELETE FROM {table};" for table in TABLES]  # quicker than TRUNCATE where there is little
            await connection.execute(" ".join([*emptied, "UPDATE counters SET counted = 0;"]))

    @asynccontextmanager
    async def transaction(self):
        """See service.store.base.Database."""
        async with await psycopg.AsyncConnection.connect(self._uri, row_factory=dict_row) as connection:
            yield PostgresTx(connection, self._clock)

    reading = transaction
