"""Puts the parts together; the only module that imports them all. Tests use it too, so they test the real wiring."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
import os
import time
from typing import TypeVar

import anyio
import structlog

from arrivals.config.settings import Settings
from arrivals.flow.admin.add_measured import add_measured
from arrivals.flow.admin.key_use import record_all as record_uses
from arrivals.flow.admin.measure import count_all
from arrivals.flow.admin.readiness import write_nothing
from arrivals.flow.batch import Batch
from arrivals.flow.batches import Batches
from arrivals.flow.callback_url import CallbackUrls
from arrivals.flow.context import Context, Limits, Policy, Upstream
from arrivals.flow.delivery.deliver import read_contexts
from arrivals.flow.delivery.event_pages import read_pages
from arrivals.flow.delivery.record import record_all
from arrivals.flow.exchange.record import keep_all
from arrivals.flow.exchange.spend import refund_all
from arrivals.flow.observation.poll import answered_all
from arrivals.flow.observation.receive import keep_all as keep_webhooks
from arrivals.flow.observation.receive import quarantine_all
from arrivals.flow.settlement.learn import write_all
from arrivals.flow.settlement.settle import settle_each
from arrivals.flow.submission.submit import MAX_ANSWER_S
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import Transport
from arrivals.providers.catalog import PROVIDERS
from arrivals.store.engine.base import StoreError
from arrivals.store.engine.connect import on_server, open_database
from arrivals.store.engine.migrate import compare, migrate
from arrivals.store.engine.signals import Signal
from arrivals.workers.roster import roster

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")

GRACE_S = MAX_ANSWER_S  # for running work at a stop: an interrupted submission is paid for and lost
CLOSING_S = 10.0  # the last part of it, for interrupted work to release the network and the database

MEASURED_S = 1.0  # at the end, for the last measurements to be added to the database


def clock() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@asynccontextmanager
async def assembled(settings: Settings, *, create: bool = False) -> AsyncIterator[Context]:
    """The context of the settings (keys included), over a database that is open and up to date.

    Raises Unsuitable when the database cannot be used; without `create` also when there is none.
    """
    database = await open_database(settings.database, clock, settings.database_connections, create=create)
    transport = Transport(OutboundPolicy(settings.allow_destinations), settings.proxies)
    try:
        # On a server the older release may still be running somewhere: what would break it waits for the operator.
        applied = await migrate(database, clock(), post=not on_server(settings.database), create=create)
        if applied:
            log.info("database_migrated", database=database.name, applied=applied)
        waiting = (await compare(database)).post
        if waiting:
            log.warning("migrations_waiting", names=waiting, hint="when no older release runs: arrivals migrate --post")
        yield Context(
            store=database,
            transport=transport,
            upstreams={
                key: Upstream(provider=PROVIDERS[key[0]], account=account.account, budget=account.budget)
                for key, account in settings.accounts.items()
            },
            callback_urls=CallbackUrls(public_url=settings.public_url, keys=settings.secret_keys),
            policy=Policy(
                callback_secrets=settings.callback_secrets,
                cadence=settings.cadence,
                limits=Limits(webhook_max_bytes=settings.webhook_max_bytes, call_keep_bytes=settings.call_keep_bytes),
                retention=settings.retention,
            ),
            now=clock,
            entropy=os.urandom,
            make_batches=make_batches,
        )
    finally:
        with anyio.CancelScope(shield=True):
            await transport.close()
            await database.close()


def make_batches(context: Context) -> Batches:
    """The batches of this context."""

    def batch(
        write: Callable[[Context, Sequence[T]], Awaitable[Sequence[R | Exception]]], *, equalise: bool = False
    ) -> Batch[T, R]:
        return Batch(partial(write, context), equalise=equalise)

    return Batches(
        webhooks=batch(keep_webhooks, equalise=True),
        quarantined=batch(quarantine_all, equalise=True),
        observations=batch(settle_each),
        calls=batch(keep_all),
        lessons=batch(write_all),
        answers=batch(answered_all),
        refunds=batch(refund_all),
        delivery_contexts=batch(read_contexts),
        attempts=batch(record_all),
        event_pages=batch(read_pages),
        key_uses=batch(record_uses),
        metrics=batch(count_all),
        readiness=batch(write_nothing),
    )


class CutOff(Exception):
    """The grace period ended before all running work did."""


@asynccontextmanager
async def working(context: Context, names: Sequence[str]) -> AsyncIterator[Callable[[], None]]:
    """Runs the named workers during the block; at its end they finish running work, within the grace period.

    Yields a function that stops them from claiming, for an end that is foreseen before the block is done: the grace
    period begins there. Raises CutOff.
    """
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        for worker in roster(context):
            if worker.name in names:
                context.process.heartbeats[worker.name] = worker.heartbeat()
                group.start_soon(worker.run, context.store, stop, context.process.heartbeats[worker.name])

        def claim_no_more() -> None:
            if stop.is_set():
                return
            stop.set()
            group.cancel_scope.deadline = anyio.current_time() + GRACE_S - CLOSING_S
            for name in names:
                context.store.notify(Signal(name))

        try:
            yield claim_no_more
        finally:
            claim_no_more()
    with anyio.move_on_after(MEASURED_S), suppress(StoreError):
        await add_measured(context)
    if group.cancel_scope.cancelled_caught:
        raise CutOff(f"not everything that had begun ended within {GRACE_S:.0f} s")
