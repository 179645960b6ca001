"""Looking generations up: by whom, by what, and with what they were ordered."""

import pytest


async def ids(client, query):
    """The ids of the generations that this query lists."""
    answer = await client.get(f"/v1/generations?{query}")
    assert 200 == answer.status_code, answer.text
    return [generation["id"] for generation in answer.json()["data"]]


async def test_generations_are_found_by_metadata(client, ordered):
    first = (await ordered(metadata={"order": "42", "paid": True, "a[b] c": "x&y"}))["id"]
    second = (await ordered(metadata={"order": 42, "paid": False}))["id"]
    await ordered(metadata={"order": "43", "paid": True})

    assert [second, first] == await ids(client, "metadata[order]=42")
    assert [first] == await ids(client, "metadata[order]=42&metadata[paid]=true")
    assert [first] == await ids(client, "metadata%5Border%5D=42&metadata%5Ba%5Bb%5D%20c%5D=x%26y")
    assert [second] == await ids(client, "metadata[order]=42&limit=1&until=9999-01-01T00:00:00Z&metadata[paid]=false")
    assert [first] == await ids(client, f"metadata[order]=42&after={second}")
    assert [] == await ids(client, "metadata[order]=42,43")


async def test_generations_are_found_by_several_statuses_written_either_way(client, ordered):
    pending, canceled = [(await ordered())["id"] for _ in range(2)]
    await client.post(f"/v1/generations/{canceled}/cancel")

    assert [canceled, pending] == await ids(client, "status=pending,canceled")
    assert [canceled, pending] == await ids(client, "status=canceled&status=pending&status=pending")
    assert [canceled] == await ids(client, "status=pending,canceled&limit=1")
    assert [canceled] == await ids(client, "status=canceled,failed")


async def test_generations_are_found_by_the_key_that_ordered_them(client, ordered):
    generation = await ordered()
    shown = (await client.get(f"/v1/generations/{generation['id']}")).json()

    assert generation["api_key"] == shown["api_key"] is not None
    assert [generation["id"]] == await ids(client, f"api_key={generation['api_key']}")
    assert [] == await ids(client, "api_key=key_another")


async def test_a_generation_is_found_by_the_id_that_its_provider_gave_it(client, submitted):
    generation_id = await submitted()

    assert [generation_id] == await ids(client, "external_id=el-1")
    assert [generation_id] == await ids(client, "external_id=el-1&provider=eachlabs&status=submitted")
    assert [] == await ids(client, "external_id=el-2")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("metadata[a]=1&metadata[b]=1&metadata[c]=1&metadata[d]=1", "metadata"),
        ("metadata[a]=1&metadata[a]=2", "metadata[a]"),
        ("metadata=1", "metadata"),
        ("provider=fal&provider=vtrix", "provider"),
        ("provider[a]=fal", "provider[a]"),
        ("status=pending,done", "status"),
        ("status=", "status"),
    ],
)
async def test_a_filter_that_is_none_is_named(client, query, field):
    answer = await client.get(f"/v1/generations?{query}")

    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])


async def test_a_read_shows_the_input_cut_where_it_is_long_and_the_input_has_it_whole(client, ordered):
    order_input = {"prompt": "a ☂", "image": "A" * 20_000, "n": 2}
    path = f"/v1/generations/{(await ordered(input=order_input))['id']}"

    shown = (await client.get(path)).json()["input"]
    assert ({"prompt": "a ☂", "n": 2}, "AAAA") == (
        {name: shown[name] for name in ("prompt", "n")}, shown["image"][:4],
    )  # fmt: skip
    assert shown["image"].endswith("… (20000 characters)")
    assert {"input": order_input} == (await client.get(f"{path}/input")).json()
    assert "input" not in (await client.get("/v1/generations")).json()["data"][0]


async def test_there_is_no_input_of_what_does_not_exist(client):
    assert 404 == (await client.get("/v1/generations/gen_none/input")).status_code
