"""Lists find what they show by an index, on both databases."""

from dataclasses import replace

import pytest

from arrivals.core.generation import Status
from arrivals.core.wire import SECOND
from arrivals.store.engine.queries import parse
from arrivals.store.generation_lists import BY_METADATA, LIST
from arrivals.store.generations import LAST, NEVER, SQL
from tests.support.examples import T0, keep, scheduled

ANALYZE = "ANALYZE"
ONLY_BY_INDEX = parse("-- name: only_by_index\n/* sqlite: SELECT 1 */ /* pg: SET LOCAL enable_seqscan = off */;")
NAMES = ("status", "provider", "model", "external_id", "api_key")
ANY = dict.fromkeys(NAMES) | {"since": 0, "until": NEVER, "before": LAST, "not_before": "", "limit": 51}
METADATA = dict.fromkeys(f"{place}_{part}" for place in ("first", "second", "third") for part in ("key", "value"))
BY_ID = {"generations_pkey", "sqlite_autoindex_generations_1"}

FILTERS = {
    "nothing": ({}, BY_ID),
    "status": ({"status": "pending"}, {"generations_by_status"}),
    "provider": ({"provider": "vtrix"}, {"generations_by_provider"}),
    "model": ({"model": "model-7"}, {"generations_by_model"}),
    "external_id": ({"external_id": "el-7"}, {"generations_by_external_id"}),
    "api_key": ({"api_key": "key_7"}, {"generations_by_api_key"}),
    "external_id and status": ({"external_id": "el-7", "status": "completed"}, {"generations_by_external_id"}),
}


@pytest.fixture
async def full(store):
    """A database with many generations, of which each filter of a test names a few."""
    rows = [
        scheduled(
            f"{number:05}", created_at=T0 + number * SECOND, external_id=f"el-{number}", api_key=f"key_{number % 100}",
            provider="runblob" if number % 500 else "vtrix", model=f"model-{number % 500}",
            status=Status.COMPLETED if number % 500 else Status.PENDING,
            metadata={"order": number % 200, "paid": bool(number % 2)}, closed_at=T0 + number * SECOND,
        )
        for number in range(2000)
    ]  # fmt: skip
    await keep(store, *rows)
    await store.script(ANALYZE)
    return store


async def plan_of(database, query, values):
    """The lines of the plan by which a database would answer."""
    bound = query.bind(values)
    explained = replace(bound, sqlite=f"EXPLAIN QUERY PLAN {bound.sqlite}", postgres=f"EXPLAIN {bound.postgres}")
    async with database.transaction() as tx:
        await tx.fetch(ONLY_BY_INDEX["only_by_index"])
        return [str(row.get("detail") or row.get("QUERY PLAN")) for row in await tx.fetch(explained, **values)]


def scans(plan):
    return [line for line in plan if "SCAN" in line or "Seq Scan" in line]


@pytest.mark.parametrize(("filters", "indexes"), FILTERS.values(), ids=FILTERS)
async def test_generations_are_listed_by_an_index(full, filters, indexes):
    plan = await plan_of(full, LIST.measure, ANY | filters)

    assert [] == scans(plan)
    assert any(index in line for line in plan for index in indexes), plan


@pytest.mark.parametrize(
    ("query", "values", "index"),
    [
        ("versions_of_status", {"status": "pending", "limit": 10}, "generations_by_status"),
        ("versions_of_closed", {"closed_since": T0 + 1990 * SECOND, "limit": 10}, "generations_closed"),
    ],
)
async def test_what_screens_show_is_found_by_an_index(full, query, values, index):
    plan = await plan_of(full, SQL[query], values)

    assert [] == scans(plan)
    assert any(index in line for line in plan), plan


@pytest.mark.parametrize("more", [{}, {"second_key": "paid", "second_value": "true"}, {"status": "completed"}], ids=str)
async def test_generations_are_listed_by_the_index_of_their_metadata(full, more):
    values = ANY | METADATA | {"first_key": "order", "first_value": "42"} | more
    plan = await plan_of(full, BY_METADATA.measure, values)

    assert [] == scans(plan)
    assert any("first USING PRIMARY KEY" in line or "generation_metadata_pkey" in line for line in plan), plan
