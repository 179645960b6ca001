"""A route's capabilities and limits, as the API and the README's table show them."""

from typing import Any

from arrivals.providers._shared.limits import no_check
from arrivals.providers.contract import Route


def capabilities(route: Route) -> dict[str, Any]:
    """A route's capabilities. `submit`: how its answer comes; `outputs`: their source; `preflight`: checked fields."""
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
        "preflight": [*dict.fromkeys(limit.param for limit in route.limits if limit.check is not no_check)],
    }


def _submit(route: Route) -> str:
    if route.adapter.read_event is not None:
        return "stream, or synchronous"
    return "asynchronous" if route.polls else "synchronous"


def limits(route: Route) -> dict[str, str]:
    """A route's limits in words, by parameter."""
    descriptions: dict[str, list[str]] = {}
    for limit in route.limits:
        models = "" if limit.models == ("*",) else f" ({', '.join(limit.models)})"
        descriptions.setdefault(limit.param, []).append(limit.says + models)
    return {param: "; ".join(parts) for param, parts in descriptions.items()}
