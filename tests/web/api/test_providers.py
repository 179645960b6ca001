import pytest

from arrivals.providers.catalog import PROVIDERS
from arrivals.store import provider_stats
from tests.conftest import run_worker


async def test_every_provider_and_route_is_listed_with_what_it_can_do(client):
    providers = (await client.get("/v1/providers")).json()["data"]

    listed = {entry["name"]: {route["name"] for route in entry["routes"]} for entry in providers}
    assert {name: {route.name for route in provider.ROUTES} for name, provider in PROVIDERS.items()} == listed
    assert {"hint", "body", None} == {route["trust"] for entry in providers for route in entry["routes"]}


async def routes(client):
    """Every route by (provider, name)."""
    providers = (await client.get("/v1/providers")).json()["data"]
    return {(provider["name"], route["name"]): route for provider in providers for route in provider["routes"]}


@pytest.mark.parametrize(
    ("provider", "route", "expected"),
    [
        ("eachlabs", "workflows",
         {"submit": "asynchronous", "bulk": 10, "webhooks": True, "trust": "body", "polls": True, "streams": False,
          "outputs": "poll", "preflight": []}),
        ("eachlabs", "sense",
         {"submit": "stream, or synchronous", "bulk": None, "webhooks": False, "trust": None, "polls": True,
          "streams": True, "outputs": "poll"}),
        ("eachlabs", "predictions", {"submit": "asynchronous", "bulk": None, "streams": False, "cancels": True}),
        ("aihubmix", "images",
         {"submit": "synchronous", "webhooks": False, "polls": False, "cancels": False, "outputs": "answer",
          "preflight": ["prompt"]}),
        ("seacloud", "queue", {"outputs": "poll, then a second question", "cancels": True, "preflight": ["webhook"]}),
        ("laozhang", "sora-forward", {"outputs": "poll, then a second question", "webhooks": False, "cancels": False}),
        ("runblob", "gemini", {"webhooks": True, "trust": "hint"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_a_route_tells_what_it_can_do(client, provider, route, expected):
    described = (await routes(client))[provider, route]

    assert expected == {name: described[name] for name in expected}


async def test_a_route_tells_its_limits_in_words(client):
    described = await routes(client)

    sizes = described["laozhang", "sora-forward"]["limits"]["size"]
    assert "720x1280, 1280x720 (sora-2)" in sizes
    assert "1792x1024 (sora-2-pro)" in sizes
    assert "4, 6, 8" == described["aihubmix", "veo"]["limits"]["seconds"]
    assert "1-10 in bulk" == described["eachlabs", "workflows"]["limits"]["inputs"]
    assert all(isinstance(says, str) for route in described.values() for says in route["limits"].values())


async def test_every_limit_that_is_checked_is_among_those_that_are_told(client):
    assert [] == [
        (name, param)
        for name, route in (await routes(client)).items()
        for param in route["preflight"]
        if param not in route["limits"]
    ]


async def test_how_a_provider_has_behaved_is_counted(client, context, clock, upstream, ordered):
    secret = {"x-webhook-secret": "a-secret-of-the-operator"}
    from arrivals.core.http import InboundWebhook
    from arrivals.flow.observation.receive import receive

    for number in range(3):
        generation = await ordered()
        upstream.answers.append((200, {"status": "success", "predictionID": f"el-{number}"}))
        await run_worker(context, "submit")
        clock.advance(10)
        if number:
            done = {"id": f"el-{number}", "status": "success", "output": "https://storage.example.com/1.jpg"}
            upstream.answers.append((200, done))
            await client.post(f"/v1/generations/{generation['id']}/poll")
        clock.advance(5)
        if number < 2:
            token = context.callback_urls.url("eachlabs", "default", generation["id"]).rpartition("/")[2]
            body = b'{"exec_id":"el-%d","status":"succeeded","output":"https://storage.example.com/1.jpg"}' % number
            await receive(context, "eachlabs", token, InboundWebhook(headers=secret, body=body))
            await run_worker(context, "read")
    await ordered()
    upstream.answers.append((402, {"error": "insufficient balance"}))
    await run_worker(context, "submit")

    providers = (await client.get("/v1/providers")).json()["data"]
    behaved = next(provider for provider in providers if provider["name"] == "eachlabs")["behavior"]

    assert {"webhook": 1, "poll": 2, "submit": 1} == behaved["learned_from"]
    assert (3, 2, 2 / 3) == (behaved["webhooks_expected"], behaved["webhooks_came"], behaved["webhook_share"])
    assert (1, 0, {"insufficient_funds": 1}) == (behaved["repeated"], behaved["conflicting"], behaved["failures"])
    assert 10 <= behaved["duration_p50_s"] <= behaved["duration_p95_s"] < 16
    assert 5 <= behaved["webhook_lateness_p50_s"] < 6


async def test_behavior_is_counted_at_most_once_a_minute_and_tells_as_of_when(client, clock, monkeypatch):
    counted = []
    of_all = provider_stats.of_all

    async def count(tx, since):
        counted.append(since)
        return await of_all(tx, since)

    monkeypatch.setattr(provider_stats, "of_all", count)

    first = (await client.get("/v1/providers")).json()
    clock.advance(59)
    second = (await client.get("/v1/providers")).json()
    clock.advance(600)
    third = (await client.get("/v1/providers")).json()

    assert 2 == len(counted)
    assert first["as_of"] == second["as_of"] < third["as_of"]
