"""The metrics that are counted from stored rows, each declared once: its name, what it counts, and by which labels.

Every label has bounded values: they are the operator's (providers, accounts, subscribers), or words of ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from arrivals.flow.measurements import COUNTS, HISTOGRAMS
from arrivals.store.metrics import MAX_LABELLED, Labels, MetricsSnapshot
from arrivals.web.api.measured_metrics import PREFIX, counter, histogram


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
    Family(
        field="webhook_share", name="webhook_share", labels=("provider", "account"),
        help="The share of expected webhooks that came lately, from 0 to 1: what polls are timed by.",
    ),
    Family(
        field="webhook_late_s", name="webhook_late_seconds", labels=("provider", "account"),
        help="How long after the end of the work most webhooks came lately: what polls are timed by.",
    ),
    Family(
        field="budget_used", name="budget_used_ratio", labels=("provider", "account"),
        help="The part of the requests which may go at once that is spent, from 0 to 1; at 1 requests wait.",
    ),
    Family(
        field="backlogs", name="subscriber_backlog", labels=("subscriber",),
        help=f"Deliveries that wait, 10,000 at most, of the {MAX_LABELLED} oldest subscribers; `other`: of all others.",
    ),
    Family(
        field="failing", name="subscriber_failing", labels=("subscriber",),
        help="1 while every attempt since the last success has failed; `other`: how many of the others do.",
    ),
    Family(
        field="last_success", name="subscriber_last_success_timestamp_seconds", labels=("subscriber",),
        help="When a delivery last arrived; `other`: at any of the others. Absent where none ever did.",
    ),
    Family(
        field="database_bytes", name="database_bytes", labels=("engine",),
        help="The size of the database, without SQLite's write-ahead log.",
    ),
    Family(
        field="build", name="build_info", labels=("version", "python", "database"),
        help="Always 1: the versions that answer.",
    ),
)  # fmt: skip


def metrics_of(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """Every metric, also those without samples."""
    for family in FAMILIES:
        yield family.metric(getattr(snapshot, family.field))
    yield from (counter(count, snapshot.measured) for count in COUNTS)
    yield from (histogram(durations, snapshot.measured) for durations in HISTOGRAMS)
