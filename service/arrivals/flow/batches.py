"""Every batch of a process, by what is written in it."""

from dataclasses import dataclass

from arrivals.core.lessons import Lesson
from arrivals.core.observation import Finding, Observation
from arrivals.flow.batch import Batch
from arrivals.flow.delivery.ended import Ended
from arrivals.flow.delivery.event_page import EventPage, Place
from arrivals.store.accounts import AccountKey
from arrivals.store.calls import Call
from arrivals.store.deliveries import Delivery, DeliveryContext
from arrivals.store.keys import KeyUse
from arrivals.store.metrics import MetricsSnapshot
from arrivals.store.observations import StoredWebhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """The batches of one process, each one transaction for all items that are added at the same time."""

    webhooks: Batch[StoredWebhook, StoredWebhook]
    quarantined: Batch[StoredWebhook, StoredWebhook]
    observations: Batch[Observation, Finding]
    calls: Batch[Call, None]
    lessons: Batch[Lesson, None]
    answers: Batch[AccountKey, None]  # accounts whose breaker an answer closes
    refunds: Batch[AccountKey, None]  # accounts that get back what a second request would have cost
    delivery_contexts: Batch[Delivery, DeliveryContext | None]
    attempts: Batch[Ended, str | None]
    event_pages: Batch[Place, EventPage]
    key_uses: Batch[KeyUse, None]
    metrics: Batch[None, MetricsSnapshot]
    readiness: Batch[None, None]
