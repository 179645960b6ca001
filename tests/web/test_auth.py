"""Authentication: callers and their keys, the scopes these open, and the audit log."""

import ipaddress
from types import SimpleNamespace
import uuid

import httpx
import pytest

from arrivals.core.api_key import Scope
from arrivals.flow.admin import key_use
from arrivals.flow.admin.keys import make_key, rotate_key
from arrivals.flow.submission import submit
from arrivals.store import keys
from arrivals.web import endpoint
from arrivals.web.app import ENDPOINTS, make_app
from arrivals.web.auth_throttle import BURST
from arrivals.web.server.front_door import front_door
from arrivals.web.server.proxies import proxy_options
from tests.support.databases import everything
from tests.support.serving import served
from tests.web.conftest import KEY

OPEN = {"/health/live", "/health/ready", "/openapi.json"}


def test_every_endpoint_but_the_open_ones_declares_a_scope():
    assert OPEN == {endpoint.path for endpoint in ENDPOINTS if endpoint.scope is None}


@pytest.mark.parametrize(
    "endpoint",
    [declared for declared in ENDPOINTS if declared.scope],
    ids=lambda declared: f"{declared.method} {declared.path}",
)
async def test_nobody_gets_in_without_a_key_or_the_scope(context, base_url, endpoint):
    others = [scope for scope in (Scope.READ, Scope.SUBMIT) if scope is not endpoint.scope]
    _, weak = await make_key(context, "weak", others[:1])
    path = endpoint.path.replace("{id}", "x").replace("{n}", "0")

    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as session:
        answers = [
            await session.request(endpoint.method, path, headers=headers, json={})
            for headers in (
                {},
                {"authorization": "Bearer wrong"},
                {"authorization": f"Basic {weak}"},
                {"authorization": f"Bearer {weak}"},
            )
        ]

    assert [401, 401, 401, 403] == [answer.status_code for answer in answers]
    assert ["key_missing", "key_invalid", "key_missing", "scope_missing"] == [
        answer.json()["code"] for answer in answers
    ]
    assert "Bearer" == answers[0].headers["www-authenticate"]


async def test_admin_includes_the_others_and_a_revoked_key_is_nobody(context, base_url):
    key, text = await make_key(context, "admin", [Scope.ADMIN])

    async with httpx.AsyncClient(
        base_url=base_url, headers={"authorization": f"bearer {text}"}, trust_env=False, verify=False
    ) as session:
        before = await session.get("/v1/generations")
        async with context.store.transaction() as tx:
            await keys.revoke(tx, key.id, context.now())
        after = await session.get("/v1/generations")

    assert [200, 401] == [before.status_code, after.status_code]


async def test_every_key_of_the_settings_opens_and_an_older_one_is_the_same_caller(context):
    new, old = "new-key-of-the-settings", "old-key-of-the-settings"
    order = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}
    app = make_app(context, new, old)
    async with (
        served(lambda _: app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False) as caller,
    ):
        made = [
            await caller.post("/v1/generations", json=order, headers={**bearer(text), "idempotency-key": "one"})
            for text in (old, new)
        ]
        secrets = [await caller.post("/v1/subscribers", json={"url": "http://127.0.0.1:1"}, headers=bearer(old))]
        refused = await caller.get("/v1/generations", headers=bearer(f"{new},{old}"))

    assert [202, 202, 201, 401] == [answer.status_code for answer in (*made, *secrets, refused)]
    assert made[0].json()["id"] == made[1].json()["id"]


async def test_without_keys_in_the_settings_nobody_has_every_scope(context):
    app = make_app(context)
    async with served(lambda _: app) as port, httpx.AsyncClient(trust_env=False, verify=False) as caller:
        answer = await caller.get(f"http://127.0.0.1:{port}/v1/generations", headers=bearer("any-key-at-all"))

    assert 401 == answer.status_code


async def test_no_key_is_kept_as_text(context):
    _, text = await make_key(context, "any", [Scope.READ])

    kept = repr(await everything(context.store))

    assert "any" in kept
    assert text not in kept


def bearer(text):
    """The header that carries the key."""
    return {"authorization": f"Bearer {text}"}


async def test_a_key_that_has_ended_is_nobody(context, base_url, clock):
    _, text = await make_key(context, "for a while", [Scope.READ], lasts_s=60)

    async with httpx.AsyncClient(base_url=base_url, headers=bearer(text), trust_env=False, verify=False) as session:
        before = await session.get("/v1/generations")
        clock.advance(60)
        after = await session.get("/v1/generations")

    assert [200, 401] == [before.status_code, after.status_code]


async def test_an_order_sent_again_with_the_rotated_key_is_the_same_order(context, base_url):
    """The key may be rotated any number of times; another caller's order under the same idempotency key is another."""
    first, text = await make_key(context, "shop", [Scope.SUBMIT])
    second, second_text = await rotate_key(context, first.id, 60)
    _, third_text = await rotate_key(context, second.id, 60)
    _, strangers_text = await make_key(context, "shop", [Scope.SUBMIT])
    body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}

    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as session:
        answers = [
            await session.post(
                "/v1/generations",
                json=body,
                headers={"authorization": f"Bearer {key}", "idempotency-key": "order-42"},
            )
            for key in (text, second_text, third_text, strangers_text, KEY, KEY)
        ]

    assert [202] * 6 == [answer.status_code for answer in answers]
    ids = [answer.json()["id"] for answer in answers]
    assert (1, 1, 3) == (len(set(ids[:3])), len(set(ids[4:])), len(set(ids)))
    assert 3 == len(await submit.claim(context, 10))


async def test_a_key_that_is_let_in_is_noted_and_the_answer_waits_for_nothing(context, base_url, monkeypatch):
    lines = []
    monkeypatch.setattr(key_use, "log", SimpleNamespace(info=lambda event, **_: lines.append(event)))
    used, text = await make_key(context, "used", [Scope.READ])
    await make_key(context, "unused", [Scope.READ])
    app = make_app(context, KEY, "old-key-of-the-settings")
    async with served(lambda _: app) as port, httpx.AsyncClient(trust_env=False, verify=False) as session:
        for sent in (text, KEY, "old-key-of-the-settings", "guess"):
            await session.get(f"http://127.0.0.1:{port}/v1/generations", headers=bearer(sent))
    await context.batches.key_uses.add(("key_none", 0))

    async with context.store.reading() as tx:
        listed = await keys.listed(tx)
    assert {used.id} == {key.id for key in listed if key.last_used_at}
    assert ["older_api_key_used"] == lines


async def test_a_rotated_key_and_the_new_one_both_open_for_a_while(context, base_url, clock):
    old, old_text = await make_key(context, "app", [Scope.READ])
    _, new_text = await rotate_key(context, old.id, 60)

    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as session:
        statuses = []
        for _ in range(2):
            answers = [await session.get("/v1/events", headers=bearer(text)) for text in (old_text, new_text)]
            statuses += [answer.status_code for answer in answers]
            clock.advance(60)

    assert [200, 200, 401, 200] == statuses


async def test_who_guesses_has_to_wait_and_who_has_a_key_does_not(context, base_url, clock):
    """Callers of one address are told apart too: behind a proxy everybody shares one."""
    _, used_key = await make_key(context, "known", [Scope.READ])
    _, fresh_key = await make_key(context, "fresh", [Scope.READ])

    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as session:

        async def list_with_key(text):
            return await session.get("/v1/generations", headers=bearer(text))

        first = await list_with_key(used_key)
        guesses = [(await list_with_key(f"guess-{number}")).status_code for number in range(BURST)]
        refused = await list_with_key("one more")
        others = [(await list_with_key(text)).status_code for text in (used_key, fresh_key)]
        clock.advance(float(refused.headers["retry-after"]))
        after = await list_with_key(fresh_key)

    assert [401] * BURST == guesses
    assert (429, "too_many_failures") == (refused.status_code, refused.json()["code"])
    assert [200, 200, 429, 200] == [first.status_code, *others, after.status_code]


ACTS = [act for act in ENDPOINTS if act.scope is Scope.ADMIN and act.method != "GET"]
BODIES = {
    "createSubscriber": {"url": "https://example.com/x"}, "updateSubscriber": {"description": "x"},
    "createReplay": {"kind": "events"}, "recoverSubscriber": {"since": "2026-11-20"},
}  # fmt: skip


async def test_every_administrative_act_is_told_with_who_did_it_to_what(client, monkeypatch):
    """No refused act is logged."""
    subscriber = (await client.post("/v1/subscribers", json=BODIES["createSubscriber"])).json()["id"]
    lines = []
    heard = SimpleNamespace(info=lambda event, **facts: lines.append({"event": event, **facts}))
    monkeypatch.setattr(endpoint, "log", heard)

    for act in ACTS:
        path = act.path.replace("{id}", subscriber)
        await client.request(act.method, path, json=BODIES.get(act.operation, {}))
    await client.post("/v1/subscribers", json={"url": "ftp://nowhere"})
    await client.get("/v1/subscribers")

    assert {("audit", "key_settings")} == {(line["event"], line["key_id"]) for line in lines}
    assert [
        "createSubscriber", "updateSubscriber", "rotateSubscriberSecret", "pingSubscriber", "resendWaiting",
        "recoverSubscriber", "deleteSubscriber", "createReplay",
    ] == [line["operation"] for line in lines]  # fmt: skip
    subjects = {line["operation"]: line["subject"] for line in lines}
    assert subscriber == subjects["rotateSubscriberSecret"]
    assert subjects["createSubscriber"].startswith("sub_")
    assert subjects["createReplay"].startswith("rpl_")


@pytest.mark.parametrize("way", ["fast", "plain"])
@pytest.mark.parametrize(("trusted", "statuses"), [("127.0.0.0/8", [429, 401]), ("192.0.2.0/24", [429, 429])])
async def test_guesses_are_counted_by_whom_a_trusted_proxy_names(context, trusted, statuses, way):
    """Anybody else's word about who calls is not taken."""
    app = make_app(context, KEY)
    door = front_door(app.handler if way == "fast" else None)
    async with (
        served(lambda _: app, http=door, **proxy_options([ipaddress.ip_network(trusted)])) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False) as caller,
    ):

        async def guess(address):
            headers = {"authorization": f"Bearer {uuid.uuid4()}", "x-forwarded-for": f"198.51.100.7, {address}"}
            return (await caller.get("/v1/generations", headers=headers)).status_code

        for _ in range(BURST):
            await guess("203.0.113.1")

        assert statuses == [await guess("203.0.113.1"), await guess("203.0.113.2")]


@pytest.mark.parametrize("way", ["fast", "plain"])
@pytest.mark.parametrize("port", ["", ":4711"], ids=["address", "address and port"])
async def test_wrong_keys_from_elsewhere_behind_a_proxy_lock_nobody_out(context, way, port):
    """The key has never been used before; some proxies name the caller with its port."""
    _, fresh_key = await make_key(context, "fresh", [Scope.READ])
    app = make_app(context, KEY)
    door = front_door(app.handler if way == "fast" else None)
    proxies = proxy_options([ipaddress.ip_network("127.0.0.1/32")])
    async with (
        served(lambda _: app, http=door, **proxies) as own,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{own}", trust_env=False, verify=False) as caller,
    ):

        async def status(text, address):
            headers = {**bearer(text), "x-forwarded-for": f"{address}{port}"}
            return (await caller.get("/v1/generations", headers=headers)).status_code

        guesses = [await status(f"guess-{number}", "203.0.113.1") for number in range(BURST)]

        assert [401] * BURST == guesses
        assert [429, 200] == [await status(fresh_key, address) for address in ("203.0.113.1", "203.0.113.2")]
