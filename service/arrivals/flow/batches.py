"""Every batch of a process, by what is written in it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from arrivals.core.observation import Finding, Observation
from arrivals.flow.admin.measure import count_all
from arrivals.flow.admin.readiness import write_nothing
from arrivals.flow.batch import Batch
from arrivals.flow.context import Context
from arrivals.flow.delivery.deliver import read_contexts
from arrivals.flow.delivery.event_pages import EventPage, Place, read_pages
from arrivals.flow.delivery.record import Ended, record_all
from arrivals.flow.exchange.record import keep_all
from arrivals.flow.exchange.spend import refund_all
from arrivals.flow.observation.poll import answered_all
from arrivals.flow.observation.receive import keep_all as keep_webhooks
from arrivals.flow.observation.receive import quarantine_all
from arrivals.flow.settlement.settle import settle_each
from arrivals.store.accounts import AccountKey
from arrivals.store.calls import Call
from arrivals.store.deliveries import Delivery, DeliveryContext
from arrivals.store.metrics import MetricsSnapshot
from arrivals.store.observations import StoredWebhook

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Each is one transaction for all who hand it something at the same time."""

    webhooks: Batch[StoredWebhook, StoredWebhook]
    quarantined: Batch[StoredWebhook, StoredWebhook]
    observations: Batch[Observation, Finding]
    calls: Batch[Call, None]
    answers: Batch[AccountKey, None]  # accounts whose breaker an answer closes
    refunds: Batch[AccountKey, None]  # accounts that get back what a second question would have cost
    delivery_contexts: Batch[Delivery, DeliveryContext | None]
    attempts: Batch[Ended, str | None]
    event_pages: Batch[Place, EventPage]
    metrics: Batch[None, MetricsSnapshot]
    readiness: Batch[None, None]


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
        answers=batch(answered_all),
        refunds=batch(refund_all),
        delivery_contexts=batch(read_contexts),
        attempts=batch(record_all),
        event_pages=batch(read_pages),
        metrics=batch(count_all),
        readiness=batch(write_nothing),
    )
