"""Metrics for Prometheus: one page, made per scrape from one read transaction.

Every label has bounded values: providers and accounts are the operator's, everything else is a word of ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.flow.admin.measure import measure
from arrivals.store.metrics import Labels, MetricsSnapshot
from arrivals.web.endpoint import Call, Endpoint

PREFIX = "arrivals_"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: the field of its numbers, its name (a counter's ends in `_total`) and its labels."""

    field: str
    name: str
    labels: Labels
    help: str

    def metric(self, numbers: Mapping[Labels, float]) -> Metric:
        """The metric with its samples."""
        counter = self.name.endswith("_total")
        kind = CounterMetricFamily if counter else GaugeMetricFamily
        made = kind(PREFIX + self.name, self.help, labels=self.labels)
        for labels, number in sorted(numbers.items()):
            made.add_metric(labels, number)
        return made


FAMILIES = (
    Family(
        field="webhooks", name="webhooks", labels=("provider", "finding"),
        help="Webhooks that are kept, by what they turned out to be; unread, unreadable and quarantined (refused) too.",
    ),
    Family(
        field="accepted", name="webhooks_accepted_total", labels=("provider",),
        help="Webhooks that were not refused, ever.",
    ),
    Family(
        field="last_webhook", name="last_webhook_timestamp_seconds", labels=("provider",),
        help="When the last webhook that is kept and was not refused came.",
    ),
    Family(
        field="oldest_unread_s", name="oldest_unread_webhook_seconds", labels=(),
        help="How long the oldest unread webhook has waited; 0 when all are read.",
    ),
    Family(
        field="lateness_s", name="webhook_lateness_seconds", labels=("provider", "quantile"),
        help="How long after a poll had told us the webhooks came, for what closed in the last 24 hours.",
    ),
    Family(
        field="generations", name="generations", labels=("provider", "status"),
        help="Generations that are kept, by status.",
    ),
    Family(
        field="closed", name="generations_closed_total", labels=("provider", "learned_from", "webhook"),
        help="Generations that closed, ever, by who told us first, and whether a webhook was expected.",
    ),
    Family(
        field="unknown", name="submissions_unknown", labels=("provider",),
        help="Generations that are kept whose submission was never confirmed: they may have been paid for.",
    ),
    Family(
        field="polls", name="polls_total", labels=("provider",),
        help="Polls that were answered, ever.",
    ),
    Family(
        field="poll_misses", name="poll_misses", labels=("provider",),
        help="Polls without a usable answer since the last one with it, over all generations that are not closed.",
    ),
    Family(
        field="unknown_statuses", name="unknown_status_words_total", labels=("provider",),
        help="Answers and webhooks with a status word that nobody knows, from the third of the same word on.",
    ),
    Family(
        field="queues", name="queue_depth", labels=("worker",),
        help="What is due now and nobody has taken: submissions, unread webhooks, polls, ended waits, deliveries.",
    ),
    Family(
        field="deliveries", name="deliveries", labels=("outcome",),
        help="Deliveries that are kept: waiting, delivered or given_up.",
    ),
    Family(
        field="attempts", name="attempts_total", labels=("outcome",),
        help="Attempts at deliveries, ever, by the class of the HTTP status or the name of the error.",
    ),
    Family(
        field="subscribers", name="subscribers", labels=("kind", "state"),
        help="Subscribers (callback: the origins of orders' own callback URLs): active, failing, paused or disabled.",
    ),
    Family(
        field="breakers", name="breaker_open", labels=("provider", "account"),
        help="1 while an account's provider is asked less because it keeps failing.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)  # a registry keeps its collectors by identity
class _Scrape(Collector):
    """The metrics of one scrape."""

    snapshot: MetricsSnapshot

    def collect(self) -> Iterator[Metric]:
        """Yields every metric, also those without samples."""
        return (family.metric(getattr(self.snapshot, family.field)) for family in FAMILIES)


async def scrape(call: Call) -> Response:
    """Shows every metric as it is now."""
    snapshot = await measure(call.context)
    registry = CollectorRegistry()
    registry.register(_Scrape(snapshot))
    return Response(generate_latest(registry), media_type=MEDIA_TYPE)


ENDPOINTS = (
    Endpoint(
        method="GET", path="/metrics", operation="getMetrics",
        scope=Scope.READ, handle=scrape,
        summary="Counts and depths for Prometheus", answers={200: None},
    ),
)  # fmt: skip
