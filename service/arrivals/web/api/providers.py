"""Providers: the capabilities, limits and record of each."""

from functools import partial
from typing import Any

from starlette.responses import Response

from arrivals.core.api_key import Scope
from arrivals.core.wire import SECOND, Micros, rfc3339
from arrivals.flow.context import Context
from arrivals.flow.knowledge import Knowledge
from arrivals.flow.settlement.learn import read_in
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Provider, Route
from arrivals.providers.describe import capabilities, limits
from arrivals.store import provider_stats
from arrivals.store.provider_stats import ProviderStats
from arrivals.web.api.provider_schemas import ProvidersSchema
from arrivals.web.endpoint import Call, Endpoint, json_response

LOOKED_BACK_S = 7 * 24 * 3600


async def list_all(call: Call) -> Response:
    """Lists every provider; `accounts` are those that are configured. Behavior is of the last seven days.

    It is counted from all rows of those days, so at most once a minute; `as_of` is the moment of the count.
    """
    now = call.context.now()
    as_of, stats = await call.context.process.provider_stats.get(partial(_read_stats, call.context, now), now)
    await read_in(call.context)
    shown = [
        {
            **_shown(call.context, name, provider),
            "learned_durations": _durations(call.context.process.knowledge, name),
            "learned_webhooks": _webhooks(call.context.process.knowledge, name),
            "behavior": _behavior(stats.get(name, ProviderStats())),
        }
        for name, provider in PROVIDERS.items()
    ]
    return json_response({"data": shown, "as_of": rfc3339(as_of)})


async def _read_stats(context: Context, now: Micros) -> dict[str, ProviderStats]:
    async with context.store.reading() as tx:
        return await provider_stats.of_all(tx, now - LOOKED_BACK_S * SECOND)


def _shown(context: Context, name: str, provider: Provider) -> dict[str, Any]:
    budget = provider.BUDGET
    return {
        "name": name,
        "documentation": provider.DOCUMENTATION,
        "accounts": sorted(account for configured, account in context.upstreams if configured == name),
        "max_in_flight": budget.max_in_flight,
        "requests_per_minute": budget.requests_per_minute,
        "routes": [_route(route) for route in provider.ROUTES],
    }


def _durations(knowledge: Knowledge, provider: str) -> list[dict[str, Any]]:
    """How long the work of each model took lately, of each size of order where orders state one."""
    return [
        {
            "model": kind[1],
            "order_size": kind[2] or None,
            "seen": round(sketch.seen, 1),
            **{f"p{percent}_s": round(sketch.quantile(percent / 100), 1) for percent in (10, 50, 90)},
        }
        for kind, sketch in sorted(knowledge.durations.items())
        if kind[0] == provider and sketch.seen
    ]


def _webhooks(knowledge: Knowledge, provider: str) -> dict[str, Any]:
    """The share of webhooks that came lately, and how late most of them were, by account."""
    return {
        account: {"share": round(record.share, 3), "late_s": round(record.habits.late_s, 3)}
        for (name, account), record in sorted(knowledge.webhooks.items())
        if name == provider
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "models": route.models,
        "kind": route.kind,
        "documentation": route.documentation,
        **capabilities(route),
        "usual_duration_s": route.usual_duration_s,
        "max_duration_s": route.max_duration_s,
        "limits": limits(route),
    }


def _behavior(stats: ProviderStats) -> dict[str, Any]:
    return {
        "closed": stats.closed,
        "webhooks_expected": stats.webhooks_expected,
        "webhooks_came": stats.webhooks_came,
        "webhook_share": stats.webhooks_came / stats.webhooks_expected if stats.webhooks_expected else None,
        "webhook_lateness_p50_s": _seconds(stats.lateness_p50),
        "webhook_lateness_p95_s": _seconds(stats.lateness_p95),
        "learned_from": stats.learned_from,
        "repeated": stats.repeated,
        "conflicting": stats.conflicting,
        "duration_p50_s": _seconds(stats.duration_p50),
        "duration_p95_s": _seconds(stats.duration_p95),
        "failures": stats.failures,
    }


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else round(micros / SECOND, 3)


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1/providers", operation="listProviders",
        tag="Providers", summary="List providers",
        description=(
            "What each provider can do, its configured accounts and limits, and how it behaved in the last seven "
            "days."
        ),
        scope=Scope.READ, handle=list_all,
        answers={200: ProvidersSchema},
    ),
)  # fmt: skip
