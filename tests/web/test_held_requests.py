"""Requests that are held open: so many per key, per address and in all, and each gives its place back."""

import httpx
import pytest

from arrivals.core.api_key import ApiKey, Scope
from arrivals.flow.admin.keys import make_key
from arrivals.web import held_requests
from arrivals.web.errors import Problem
from arrivals.web.held_requests import HeldRequests
from tests.support.eventually import until
from tests.web.conftest import KEY

READER = ApiKey(id="key_reader", name="reader", scopes=("read",), created_at=0)


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(held_requests, "MAX_PER_KEY", 2)
    monkeypatch.setattr(held_requests, "MAX_PER_ADDRESS", 3)


def refused(held, key="key_a", address="192.0.2.1", *, admin=False):
    """The status of the refusal; None where it is held."""
    try:
        held.hold(key, address, admin=admin)
    except Problem as problem:
        return problem.details.status
    return None


def test_a_key_holds_so_many_and_gives_each_back():
    held = HeldRequests(max_held=10)
    over = held.hold("key_a", "192.0.2.1", admin=False)
    assert [None, 429] == [refused(held), refused(held)]

    over()

    assert [None, 429] == [refused(held), refused(held)]


def test_an_address_holds_so_many_whatever_its_keys():
    held = HeldRequests(max_held=10)

    assert [None] * 3 + [429] == [refused(held, f"key_{number}") for number in range(4)]
    assert None is refused(held, "key_9", "192.0.2.2")
    assert 429 == refused(held, "key_8", "::ffff:192.0.2.1")


def test_an_administrator_has_a_place_while_everybody_holds_all():
    held = HeldRequests(max_held=1)
    assert [None, 429] == [refused(held), refused(held, "key_b", "192.0.2.2")]

    assert [None, None, 429] == [refused(held, "key_admin", admin=True) for _ in range(3)]
    assert Scope.ADMIN


@pytest.fixture
def held(monkeypatch):
    """Every request that was held open."""
    made, hold = [], HeldRequests.hold
    monkeypatch.setattr(HeldRequests, "hold", lambda self, *who, **how: (hold(self, *who, **how), made.append(who))[0])
    return made


@pytest.mark.parametrize("query", ["events/stream", "events?wait=20", "generations/{id}?wait=20"])
async def test_what_is_held_open_is_bounded_by_key_and_ends_with_its_connection(
    context, client, ordered, base_url, query, connected, held
):
    made = await ordered()
    _, key = await make_key(context, "reader", [Scope.READ])
    path = f"/v1/{query.format(id=made['id'])}"
    said = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    streams = [await connected(said) for _ in range(2)]
    await until(lambda: len(held) == 2)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, verify=False) as other:
        refusal = await other.get(path)
        assert (429, "too_many_held", "5") == (
            refusal.status_code, refusal.json()["code"], refusal.headers["retry-after"],
        )  # fmt: skip
        assert 200 == (await other.get("/v1/generations")).status_code
        for stream in streams:
            await stream.aclose()
        if "stream" not in query:  # who hung up is noticed when it is written to, or its wait is over
            return
        while (await other.head(path)).status_code != 200:
            pass


async def test_an_order_is_taken_though_it_may_not_wait(client, ordered, connected, monkeypatch):
    monkeypatch.setattr(held_requests, "MAX_PER_KEY", 0)
    body = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}

    answer = await client.post("/v1/generations", json=body, headers={"prefer": "wait=20"})

    assert (202, None) == (answer.status_code, answer.headers.get("preference-applied"))


async def test_a_key_that_may_not_is_told_before_anything_is_held(client):
    answer = await client.get("/v1/events/stream", headers={"authorization": "Bearer guess"})

    assert 401 == answer.status_code
    assert KEY
