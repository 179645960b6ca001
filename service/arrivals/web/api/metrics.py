"""Metrics for Prometheus: one page, made per scrape from one read transaction."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.flow.admin.measure import measure
from arrivals.store.metrics import MetricsSnapshot
from arrivals.web.api.metric_families import metrics_of
from arrivals.web.endpoint import Call, Content, Endpoint

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, eq=False)  # a registry keeps its collectors by identity
class _Scrape(Collector):
    """The metrics of one scrape."""

    snapshot: MetricsSnapshot

    def collect(self) -> Iterator[Metric]:
        """Yields every metric, also those without samples."""
        return metrics_of(self.snapshot)


async def scrape(call: Call) -> Response:
    """Shows every metric as it is now."""
    snapshot = await measure(call.context)
    registry = CollectorRegistry()
    registry.register(_Scrape(snapshot))
    return Response(generate_latest(registry), media_type=MEDIA_TYPE)


PAGE = Content(media_types=("text/plain",), description="Every metric, as it is now.")

ENDPOINTS = (
    Endpoint(
        method="GET", path="/metrics", operation="getMetrics",
        tag="Monitoring", summary="Show metrics",
        description="Counts and depths, in the text format of Prometheus.",
        scope=Scope.READ, handle=scrape,
        answers={200: PAGE},
    ),
)  # fmt: skip
