"""Subscribers say how deliveries to them go."""

import pytest

from tests.conftest import run_worker


@pytest.fixture
def subscribed(client, listener):
    """Registers a subscriber; its path."""

    async def register():
        made = await client.post("/v1/subscribers", json={"url": f"{listener.url}/hook"})
        return f"/v1/subscribers/{made.json()['id']}"

    return register


@pytest.fixture
def fail_one(context, upstream, ordered):
    """Orders a generation that its provider refuses, which makes one event."""

    async def place():
        await ordered()
        upstream.answers.append((400, {"error": "no"}))
        await run_worker(context, "submit")

    return place


async def health(client, path):
    shown = (await client.get(path)).json()
    (listed,) = (await client.get("/v1/subscribers")).json()["data"]
    assert shown == listed
    return shown["health"]


async def test_one_that_was_sent_nothing_is_untried(client, listener, subscribed):
    made = await client.post("/v1/subscribers", json={"url": f"{listener.url}/hook"})
    expected = {
        "state": "untried", "failing_since": None, "last_success_at": None, "last_failure_at": None, "last_error": None,
        "backlog": 0, "oldest_waiting_at": None, "success_share": None,
    }  # fmt: skip

    assert expected == made.json()["health"] == await health(client, f"/v1/subscribers/{made.json()['id']}")


async def test_success_failure_backlog_and_share_are_shown(client, context, clock, listener, subscribed, fail_one):
    path = await subscribed()
    listener.answers += [204, 204, 204, (503, b"away")]
    for _ in range(3):
        await fail_one()
    await run_worker(context, "deliver")
    clock.advance(2)
    well = await health(client, path)
    await fail_one()
    await run_worker(context, "deliver")
    bad = await health(client, path)
    listener.answers.append(204)
    clock.advance(60)
    await run_worker(context, "deliver")
    again = await health(client, path)

    assert ("healthy", 0, 1.0, None) == (
        well["state"], well["backlog"], well["success_share"], well["last_failure_at"],
    )  # fmt: skip
    assert ("failing", 1, 0.75, "status: HTTP 503") == (
        bad["state"], bad["backlog"], bad["success_share"], bad["last_error"],
    )  # fmt: skip
    assert bad["failing_since"] == bad["last_failure_at"] >= bad["oldest_waiting_at"] > bad["last_success_at"]
    assert ("healthy", 0, 1.0, None) == (
        again["state"], again["backlog"], again["success_share"], again["failing_since"],
    )  # fmt: skip
    assert again["last_success_at"] > again["last_failure_at"] == bad["last_failure_at"]


async def test_paused_and_disabled_are_states_too(client, context, listener, subscribed, fail_one):
    path = await subscribed()
    changes = ({"paused": True}, {"paused": False})
    states = [(await client.patch(path, json=body)).json()["health"]["state"] for body in changes]
    listener.answers.append(410)
    await fail_one()
    await run_worker(context, "deliver")
    states.append((await health(client, path))["state"])

    assert ["paused", "untried", "disabled"] == states


async def test_resuming_sends_what_waits_now(client, context, listener, subscribed, fail_one):
    """Not when its next attempt would have been due."""
    path = await subscribed()
    listener.answers += [500, 204]
    await fail_one()
    await run_worker(context, "deliver")
    await client.patch(path, json={"paused": True})

    await client.patch(path, json={"paused": False})
    await run_worker(context, "deliver")

    assert 0 == (await health(client, path))["backlog"]


async def test_recovering_sends_what_waits_now_and_a_preview_sends_nothing(
    client, context, listener, subscribed, fail_one
):
    path = await subscribed()
    listener.answers += [500, 204]
    await fail_one()
    await run_worker(context, "deliver")
    since = {"since": "2000-01-01T00:00:00Z"}

    preview = await client.post(f"{path}/recover", json=since | {"dry_run": True})
    assert 0 == await run_worker(context, "deliver")
    await client.post(f"{path}/recover", json=since)
    await run_worker(context, "deliver")

    assert (202, True) == (preview.status_code, preview.json()["dry_run"])
    assert 0 == (await health(client, path))["backlog"]


async def test_resent_deliveries_are_counted(client, context, listener, subscribed, fail_one):
    path = await subscribed()
    listener.answers += [500, 500, 204, 204]
    await fail_one()
    await fail_one()
    await run_worker(context, "deliver")

    answer = await client.post(f"{path}/resend-waiting")
    while await run_worker(context, "deliver"):
        pass

    assert (202, {"deliveries": 2}) == (answer.status_code, answer.json())
    assert 0 == (await health(client, path))["backlog"]


async def test_paused_one_is_resumed_first(client, subscribed):
    path = await subscribed()
    await client.patch(path, json={"paused": True})

    answer = await client.post(f"{path}/resend-waiting")

    assert (409, "paused") == (answer.status_code, answer.json()["code"])
    assert '{"paused": false}' in answer.json()["detail"]
