"""What a route can do and what limits it, as people are shown it: in the API and in the table of docs/providers.md."""

from typing import Any

from arrivals.providers._shared.limits import tells_nothing
from arrivals.providers.contract import Route


def capabilities(route: Route) -> dict[str, Any]:
    """`submit`: how its answer comes; `outputs`: where they come from; `preflight`: what is checked first."""
    adapter = route.adapter
    return {
        "submit": _submit(route),
        "bulk": adapter.bulk.most if adapter.bulk else None,
        "webhooks": route.trust is not None,
        "trust": route.trust,
        "polls": route.polls,
        "streams": adapter.read_event is not None,
        "cancels": adapter.cancel is not None,
        "outputs": "poll, then a second question" if adapter.fetch_result else "poll" if route.polls else "answer",
        "preflight": [*dict.fromkeys(limit.param for limit in route.limits if limit.check is not tells_nothing)],
    }


def _submit(route: Route) -> str:
    if route.adapter.read_event is not None:
        return "stream, or synchronous"
    return "asynchronous" if route.polls else "synchronous"


def limits(route: Route) -> dict[str, str]:
    """By parameter, in words."""
    told: dict[str, list[str]] = {}
    for limit in route.limits:
        match_input = "" if limit.models == ("*",) else f" ({', '.join(limit.models)})"
        told.setdefault(limit.param, []).append(limit.says + match_input)
    return {param: "; ".join(says) for param, says in told.items()}
