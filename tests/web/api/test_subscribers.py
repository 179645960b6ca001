import pytest


async def test_the_secret_is_shown_once(client, listener):
    made = await client.post("/v1/subscribers", json={"url": f"{listener.url}/hook", "event_types": ["generation.*"]})

    payload = made.json()
    assert 201 == made.status_code
    assert payload["secret"].startswith("whsec_")
    shown = (await client.get(made.headers["location"])).json()
    assert {name: value for name, value in payload.items() if name != "secret"} == shown


async def test_subscribers_are_listed_and_deleted(client, listener):
    ids = [
        (
            await client.post("/v1/subscribers", json={"url": f"{listener.url}/{n}", "filter": {"provider": "runblob"}})
        ).json()["id"]
        for n in range(3)
    ]

    page = (await client.get("/v1/subscribers?limit=2")).json()
    rest = (await client.get(f"/v1/subscribers?limit=2&after={page['next']}")).json()
    deleted = await client.delete(f"/v1/subscribers/{ids[0]}")

    assert ids[::-1] == [subscriber["id"] for subscriber in page["data"] + rest["data"]]
    assert {"provider": "runblob"} == page["data"][0]["filter"]
    assert 204 == deleted.status_code
    assert [404, 404] == [
        (await client.get(f"/v1/subscribers/{ids[0]}")).status_code,
        (await client.delete(f"/v1/subscribers/{ids[0]}")).status_code,
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://10.0.0.1/hook"}, "url"),
        ({"url": "https://user@example.com/"}, "url"),
        ({"url": "https://example.com/", "event_types": ["generation.completed", "generation.done"]}, "event_types[1]"),
        ({"url": "https://example.com/", "max_in_flight": 0}, "max_in_flight"),
        ({"url": "https://example.com/", "rate_per_s": 0}, "rate_per_s"),
        ({"url": "https://example.com/", "filter": {"color": "red"}}, "filter.color"),
    ],
    ids=range(8),
)
async def test_a_bad_subscriber_names_the_field(client, body, field):
    answer = await client.post("/v1/subscribers", json=body)

    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])
