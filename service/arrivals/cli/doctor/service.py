"""The checks of `arrivals doctor` on the running service: that it answers with this key, works, and its subscribers."""

from collections.abc import Iterator
from typing import Any

from arrivals.cli.doctor.clock import against
from arrivals.cli.doctor.local import Check
from arrivals.cli.doctor.network import connections
from arrivals.cli.resolve import resolve
from arrivals.client import Client, ServiceError, Unreachable, path
from arrivals.config.declarations import BadSetting
from arrivals.config.settings import Settings
from arrivals.core.subscriber import SubscriberState
from arrivals.outbound.policy import OutboundPolicy

PAGE = 200
UNAUTHORIZED, FORBIDDEN = 401, 403


def service_and_subscribers(settings: Settings, url: str | None, key: str | None) -> Iterator[Check]:
    """The checks of the service at its URL, then of its subscribers."""
    try:
        client = resolve(settings, url, key)
    except BadSetting as error:
        yield Check(
            name="service", ok=False, result=str(error), advice="start `arrivals serve` once, or set ARRIVALS_API_KEY"
        )
        return
    with client as service:
        check = _service(service)
        yield check
        if check.ok:
            yield _workers(service)
            with connections(settings, service.url) as plain:
                yield against("the service", plain, f"{service.url}/health/live")
            yield from _subscribers(service, OutboundPolicy(settings.allow_destinations))


def _service(service: Client) -> Check:
    try:
        service.get("/health/ready")
        service.get(path("generations"), {"limit": 1})
    except Unreachable as error:
        result = f"nothing answers at {error.url} ({error.reason})"
        return Check(
            name="service", ok=False, result=result, advice="start `arrivals serve`, or set its address with --url"
        )
    except ServiceError as error:
        if error.status == UNAUTHORIZED:
            result = f"{service.url} answers, but does not accept this API key"
            return Check(name="service", ok=False, result=result, advice="set ARRIVALS_API_KEY to the service's key")
        if error.status == FORBIDDEN:
            advice = "make one with `arrivals keys make NAME --scope read`"
            return Check(name="service", ok=False, result=f"{service.url}: {error.detail}", advice=advice)
        return Check(
            name="service", ok=False, result=f"{service.url}: {error.detail}", advice="look at the service's log"
        )
    return Check(name="service", ok=True, result=f"{service.url} answers and accepts this key")


def _workers(service: Client) -> Check:
    """The workers of the process that answers; one that is late has made it not ready."""
    workers = service.get("/health/ready").get("workers")
    if not workers:
        result = "none in the process that answers (--web-only); `due work` tells whether others do it"
        return Check(name="workers", ok=True, result=result)
    names = ", ".join(worker["name"] for worker in workers)
    longest_s = max(worker["since_claim_s"] for worker in workers)
    return Check(name="workers", ok=True, result=f"{names}: each has looked for work in the last {longest_s:.0f} s")


def _subscribers(service: Client, destinations: OutboundPolicy) -> Iterator[Check]:
    subscribers = list(_all(service))
    wrong = [check for subscriber in subscribers if (check := _subscriber(subscriber, destinations)) is not None]
    yield from wrong
    if not wrong:
        yield Check(name="subscribers", ok=True, result=f"{len(subscribers)}, none disabled, failing or blocked")


def _all(service: Client) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = service.get(path("subscribers"), {"after": after, "limit": PAGE})
        yield from page["data"]
        after = page["next"]
        if after is None:
            return


def _subscriber(subscriber: dict[str, Any], destinations: OutboundPolicy) -> Check | None:
    """The failed check of one subscriber; None if nothing is wrong with it."""
    name, again = f"subscriber {subscriber['id']}", f"arrivals subscribers resume {subscriber['id']}"
    objection = destinations.objection(subscriber["url"])
    if objection:
        advice = "change its URL, or set ARRIVALS_ALLOW_DESTINATIONS"
        return Check(name=name, ok=False, result=f"{subscriber['url']} is blocked: {objection}", advice=advice)
    if subscriber["disabled_at"]:
        result = f"{subscriber['url']} is disabled: {subscriber['disabled_reason']}"
        return Check(name=name, ok=False, result=result, advice=f"fix it, then `{again}`, then `subscribers recover`")
    health = subscriber["health"]
    if health["state"] != SubscriberState.FAILING:
        return None
    result = (
        f"{subscriber['url']} fails since {health['failing_since']}: {health['last_error']} ({health['backlog']} wait)"
    )
    advice = f"fix it, try `arrivals subscribers ping {subscriber['id']}`, then `subscribers resend-waiting`"
    return Check(name=name, ok=False, result=result, advice=advice)
