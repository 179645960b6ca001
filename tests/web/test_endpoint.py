"""What every list has in common."""

import pytest

from arrivals.core.ids import make_id

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
