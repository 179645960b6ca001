"""What a route can do and what limits it, as people are shown it: in the API and in the README's table."""

from typing import Any

from arrivals.providers._shared.limits import tells_nothing
from arrivals.providers.contract import Route


def capabilities(route: Route) -> dict[str, Any]:
    """`submit`: how its answer comes; `outputs`: where they come from; `preflight`: what is checked first."""
    dialect = route.dialect
    return {
        "submit": _submit(route),
        "bulk": dialect.bulk.most if dialect.bulk else None,
        "webhooks": route.trust is not None,
        "trust": route.trust,
        "polls": route.polls,
        "streams": dialect.read_event is not None,
        "cancels": dialect.cancel is not None,
        "outputs": "poll, then a second question" if dialect.follow else "poll" if route.polls else "answer",
        "preflight": [*dict.fromkeys(limit.param for limit in route.limits if limit.check is not tells_nothing)],
    }


def _submit(route: Route) -> str:
    if route.dialect.read_event is not None:
        return "stream, or synchronous"
    return "asynchronous" if route.polls else "synchronous"


def limits(route: Route) -> dict[str, str]:
    """By parameter, in words."""
    told: dict[str, list[str]] = {}
    for limit in route.limits:
        whose = "" if limit.models == ("*",) else f" ({', '.join(limit.models)})"
        told.setdefault(limit.param, []).append(limit.says + whose)
    return {param: "; ".join(says) for param, says in told.items()}
