"""What `arrivals doctor` checks of the running service: that it answers with this key, and how its subscribers fare."""

from collections.abc import Iterator
from typing import Any

from arrivals.cli.connection import resolve
from arrivals.cli.doctor.local import Check
from arrivals.client import Client, ServiceError, Unreachable, path
from arrivals.config.declarations import BadSetting
from arrivals.config.settings import Settings
from arrivals.outbound.policy import OutboundPolicy

PAGE = 200
RECENT = 20
UNAUTHORIZED, FORBIDDEN = 401, 403


def service_and_subscribers(settings: Settings, url: str | None, key: str | None) -> Iterator[Check]:
    """The service at its URL, then who subscribes to it."""
    try:
        client = resolve(settings, url, key)
    except BadSetting as error:
        yield Check(name="service", ok=False, found=str(error), advice="start `arrivals serve` once, or set the key")
        return
    with client as service:
        check = _service(service)
        yield check
        if check.ok:
            yield from _subscribers(service, OutboundPolicy(settings.allow_destinations))


def _service(service: Client) -> Check:
    try:
        service.get("/health/ready")
        service.get(path("generations"), {"limit": 1})
    except Unreachable as error:
        found = f"nothing answers at {error.url} ({error.reason})"
        return Check(name="service", ok=False, found=found, advice="start `arrivals serve`, or name it with --url")
    except ServiceError as error:
        if error.status == UNAUTHORIZED:
            found = f"{service.url} answers, and does not know this API key"
            return Check(name="service", ok=False, found=found, advice="set ARRIVALS_API_KEY to the service's own")
        if error.status == FORBIDDEN:
            advice = "make one with `arrivals keys make NAME --scope read`"
            return Check(name="service", ok=False, found=f"{service.url}: {error.detail}", advice=advice)
        return Check(
            name="service", ok=False, found=f"{service.url}: {error.detail}", advice="look at the service's log"
        )
    return Check(name="service", ok=True, found=f"{service.url} answers and takes this key")


def _subscribers(service: Client, destinations: OutboundPolicy) -> Iterator[Check]:
    every = list(_all(service))
    wrong = [check for one in every if (check := _subscriber(service, one, destinations)) is not None]
    yield from wrong
    if not wrong:
        yield Check(name="subscribers", ok=True, found=f"{len(every)}, none disabled, failing or blocked")


def _all(service: Client) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = service.get(path("subscribers"), {"after": after, "limit": PAGE})
        yield from page["data"]
        after = page["next"]
        if after is None:
            return


def _subscriber(service: Client, one: dict[str, Any], destinations: OutboundPolicy) -> Check | None:
    """What is wrong with one; None if nothing is."""
    name, again = f"subscriber {one['id']}", f"arrivals subscribers resume {one['id']}"
    objection = destinations.objection(one["url"])
    if objection:
        advice = "change its URL, or set ARRIVALS_ALLOW_DESTINATIONS"
        return Check(name=name, ok=False, found=f"{one['url']} is blocked: {objection}", advice=advice)
    if one["disabled_at"]:
        found = f"{one['url']} is disabled: {one['disabled_reason']}"
        return Check(name=name, ok=False, found=found, advice=f"mend it, then `{again}`, then `subscribers recover`")
    recent = service.get(path("subscribers", one["id"], "deliveries"), {"limit": RECENT})["data"]
    tried = [delivery for delivery in recent if delivery["attempt_count"]]
    if not tried or tried[0]["status"] == "delivered":
        return None
    tries = service.get(path("deliveries", tried[0]["id"])).get("attempts") or [{}]
    last = tries[-1]
    said = last.get("error") or f"HTTP {last.get('http_status')}"
    found = f"{one['url']} fails: {said} ({tried[0]['attempt_count']} attempts of {tried[0]['event_id']})"
    return Check(name=name, ok=False, found=found, advice=f"mend it, then try `arrivals subscribers ping {one['id']}`")
