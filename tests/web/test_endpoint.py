"""The behaviour that every list has in common."""

from dataclasses import replace

import httpx
import pytest

from arrivals.core.ids import make_id
from arrivals.web.app import make_app
from tests.support.serving import served
from tests.web.conftest import KEY

LISTS = {
    "/v1/generations": "gen",
    "/v1/webhooks": "whk",
    "/v1/subscribers": "sub",
    "/v1/replays": "rpl",
}


@pytest.mark.parametrize("after", ["zzz", "1", "", "evt_1", "gen_zzz", "sub_0000000000000000000000000U"])
@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_of_another_list_or_of_none_is_refused(client, path, after):
    answer = await client.get(path, params={"after": after})

    assert (422, "after") == (answer.status_code, answer.json()["errors"][0]["field"])
    assert f"{LISTS[path]}_…" in answer.json()["detail"]


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_whose_row_was_deleted_since_is_as_good_as_any(client, path):
    answer = await client.get(path, params={"after": make_id(LISTS[path], 0, bytes(15))})

    assert (200, []) == (answer.status_code, answer.json()["data"])


async def test_deliveries_of_a_subscriber_refuse_it_too(client):
    subscriber = (await client.post("/v1/subscribers", json={"url": "http://127.0.0.1:1/hook"})).json()["id"]

    answer = await client.get(f"/v1/subscribers/{subscriber}/deliveries", params={"after": subscriber})

    assert (422, "after") == (answer.status_code, answer.json()["errors"][0]["field"])


@pytest.mark.parametrize(
    ("public_url", "below"), [("https://a.example/media/jobs", "/media/jobs"), ("https://a.example", ""), (None, "")]
)
async def test_a_location_is_below_the_path_of_the_public_url(context, public_url, below):
    """The proxy that serves the service under a prefix takes the prefix away; who follows an answer must not."""
    urls = replace(context.callback_urls, public_url=public_url)
    app = make_app(replace(context, callback_urls=urls), KEY)
    order = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}
    async with (
        served(lambda _: app) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {KEY}"},
            trust_env=False,
            verify=False,
        ) as client,
    ):
        made = [
            await client.post(f"/v1/{noun}", json=body)
            for noun, body in (
                ("generations", order),
                ("subscribers", {"url": "http://127.0.0.1:1/hook"}),
                ("replays", {"kind": "events"}),
            )
        ]
        recovery = await client.post(f"/v1/subscribers/{made[1].json()['id']}/recover", json={"since": "2026-11-20"})

    assert [
        f"{below}/v1/{noun}/{answer.json()['id']}"
        for noun, answer in zip(("generations", "subscribers", "replays"), made, strict=True)
    ] == [answer.headers["location"] for answer in made]
    assert f"{below}/v1/replays/{recovery.json()['id']}" == recovery.headers["location"]


async def test_a_callback_url_is_below_the_path_of_the_public_url(context):
    urls = replace(context.callback_urls, public_url="https://a.example/media/jobs")

    assert urls.url("eachlabs", "default", "gen_1").startswith("https://a.example/media/jobs/callbacks/eachlabs/")
