"""Every provider as a target, taken from the catalog: a new provider, route or reader is fuzzed without being named."""

from collections.abc import Callable
from dataclasses import fields
import json
import secrets

from msgspec.structs import replace

from arrivals.core.generation import VerifiedBy
from arrivals.core.http import HttpCall, HttpReply, InboundWebhook
from arrivals.core.origin import same_origin
from arrivals.core.wire import from_json, to_json
from arrivals.providers._shared.limits import refusals
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Adapter, Order, Refused, Target, Unreadable, Unverified, route_of
from tests.attack.target import Target as Fuzzed
from tests.attack.target import must
from tests.support.fixtures import FIXTURES, headers_of, pieces, split
from tests.support.schemas import is_sound

KEY = "the-key-of-the-account"
# What is read of each field of a dialect. A field that is missing here fails tests/attack/test_readers.py.
READINGS = {
    "read_submitted": ("submit", lambda field: field),
    "poll": ("poll", lambda field: field.parse),
    "fetch_result": ("follow", lambda field: field.parse),
    "cancel": ("cancel", lambda field: field.parse),
    "read_webhook": ("webhook", lambda field: field),
    "read_event": ("stream", lambda field: field),
    "bulk": ("bulk", lambda field: field.read_submitted),
}
ASKING = {"submit", "files"}  # not readings: what is sent
SIZE_FACTOR, SIZE_SLACK = 40, 200_000  # a reading may say more than it was told, within reason


def every():
    """All targets of all providers."""
    for name, provider in PROVIDERS.items():
        conversation = pieces(name)
        raw = tuple(piece.raw for piece in conversation)
        webhooks = tuple(piece.raw for piece in conversation if piece.meta["reads"] == "webhook") or raw
        yield Fuzzed(f"{name}/verify", _verifies(provider), webhooks)
        for route in provider.ROUTES:
            of_route = [piece for piece in conversation if route_of(provider, piece.meta["model"]) is route]
            for field, (reads, reader) in READINGS.items():
                capability = getattr(route.adapter, field)
                if capability is None:
                    continue
                own = tuple(piece.raw for piece in of_route if piece.meta["reads"] == reads)
                eat = _reads(provider, route, reads, reader(capability))
                yield Fuzzed(f"{name}/{route.name}/{reads}", eat, own or raw)
            if route.adapter.bulk is not None:
                yield Fuzzed(f"{name}/{route.name}/whose", _whose(route.adapter.bulk.match_input), webhooks)
            yield Fuzzed(f"{name}/{route.name}/order", _orders(provider, route), _orders_of(name, provider, route))


def adapter_fields():
    """The names of an adapter's fields."""
    return {field.name for field in fields(Adapter)}


def message_of(raw, reads):
    """The bytes of a piece as a value; whatever has no head is all body."""
    try:
        head, body = split(raw)
        headers = headers_of(head)
        status = int(head[0].split()[1]) if head[0].startswith("HTTP/") else 200
    except (ValueError, IndexError):
        headers, status, body = {}, 200, raw
    if reads == "webhook":
        return InboundWebhook(headers=headers, body=body)
    return HttpReply(http_status=status, headers=headers, body=body)


def account_of(provider, webhook_secrets=()):
    """An account whose hosts all have names of their own."""
    hosts = {name: f"https://{name}.upstream.test" for name in provider.HOSTS}
    return Account(
        base_url="https://upstream.test/base", api_key=KEY, webhook_secrets=tuple(webhook_secrets), hosts=hosts
    )


def _reads(provider, route, reads, reader) -> Callable[[bytes], None]:
    account = account_of(provider)
    target = Target(model=_model(route), route=route.name, base_url=account.base_url, external_id="their-id")

    def eat(raw):
        message = message_of(raw, reads)
        try:
            reading = reader(message.body if reads == "stream" else message, target)
        except (Refused, Unreadable) as error:
            reading = getattr(error, "failure", None)
        for answer in reading if isinstance(reading, list) else [reading]:
            result = answer.failure if isinstance(answer, Refused) else answer
            must(is_sound(result), f"not a sound reading: {result!r}")
            kept = to_json(result)
            must(len(kept) <= SIZE_FACTOR * len(raw) + SIZE_SLACK, f"{len(kept)} bytes were made of {len(raw)}")
            must(KEY not in kept, "the key stands in a reading")
            _asks_on(route, account, target, getattr(result, "external_id", None))

    return eat


def _asks_on(route, account, target, external_id):
    """An id that a provider gave goes into the next question's path, and leads nowhere else."""
    if external_id is None:
        return
    named = replace(target, external_id=external_id)
    for request in (route.adapter.poll, route.adapter.fetch_result, route.adapter.cancel):
        if request is not None:
            _stays_home(request.build(named, account), account)


def _stays_home(call: HttpCall, account: Account):
    """The call goes to the account's own hosts, by a path without steps elsewhere, in headers of one line each."""
    homes = (account.base_url, *account.hosts.values())
    must(any(same_origin(call.url, home) for home in homes), f"the key would go to {call.url!r}")
    path = call.url.partition("?")[0].partition("#")[0]
    must(not {".", ".."} & set(path.split("/")), f"the path leads elsewhere: {call.url!r}")
    must(call.url.isprintable() and " " not in call.url, f"not a URL: {call.url!r}")
    for name, value in call.headers.items():
        must(not set(name + value) & set("\r\n\0"), f"a header that splits: {name}")


def _verifies(provider) -> Callable[[bytes], None]:
    nobody_knows = secrets.token_hex(16)
    accepted = [value for piece in pieces(provider.NAME) for value in piece.meta.get("secrets", ())]

    def eat(raw):
        webhook = message_of(raw, "webhook")
        for candidates in (tuple(dict.fromkeys(accepted)), (nobody_knows,), (), ("",)):
            try:
                verified_by = provider.verify(webhook, candidates)
            except Unverified:
                continue
            must(verified_by is None or isinstance(verified_by, VerifiedBy), f"verified by {verified_by!r}")
            must(
                verified_by is None or any(secret in accepted for secret in candidates),
                f"believed without a secret: {candidates!r}",
            )

    return eat


def _whose(match_input) -> Callable[[bytes], None]:
    inputs = [{"prompt": "a red fox"}, {"prompt": "a crow", "more": [1, {"a": None}]}, {}]

    def eat(raw):
        place = match_input(message_of(raw, "webhook").body, inputs)
        must(place is None or (type(place) is int and 0 <= place < len(inputs)), f"the webhook of {place!r}")

    return eat


def _orders(provider, route) -> Callable[[bytes], None]:
    """Orders come from callers, who have a key of ours and not our trust."""
    account = account_of(provider)
    secret = secrets.token_hex(16)

    def eat(raw):
        try:
            body = from_json(raw)
        except ValueError:
            return
        if not isinstance(body, dict) or not isinstance(body.get("input"), dict):
            return
        model = body.get("model")
        if not isinstance(model, str) or route_of(provider, model) is not route:
            model = _model(route)
        failures = refusals(route.limits, model, body["input"])
        must(all(map(is_sound, failures)), f"no failures: {failures!r}")
        order = Order(
            model=model, route=route.name, input=body["input"], reference="gen_1",
            callback_url="https://arrivals.example.com/callbacks/x/y", webhook_secret=secret,
        )  # fmt: skip
        try:
            urls = [*route.adapter.files(order)]
            must(all(isinstance(url, str) for url in urls), f"files at {urls!r}")
            if urls:
                return  # their bytes are fetched first
            calls = [route.adapter.submit(order, account)]
            if route.adapter.bulk is not None:
                calls.append(route.adapter.bulk.submit([order, order], account))
        except Refused as refused:
            must(is_sound(refused.failure), f"not a failure: {refused.failure!r}")
            return
        for call in calls:
            _stays_home(call, account)
            must(secret not in call.url and KEY not in call.url, "a secret stands in a URL")

    return eat


def _model(route):
    """A model that chooses the route."""
    return route.models[0].replace("*", "some-model")


def _orders_of(name, provider, route):
    rows = json.loads((FIXTURES / name / "preflight.json").read_text())["rows"]
    own = [row for row in rows if route_of(provider, row["model"]) is route] or rows
    return tuple(json.dumps({"model": row["model"], "input": row["input"]}).encode() for row in own)
