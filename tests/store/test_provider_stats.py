"""The behavior of providers, counted from stored rows."""

from msgspec.structs import replace
import pytest

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Origin, Status, VerifiedBy
from arrivals.core.observation import Finding, Observation, Reading
from arrivals.store import observations, provider_stats
from arrivals.store.provider_stats import ProviderStats
from tests.support.examples import SECOND, T0, keep, scheduled, webhook

pytestmark = pytest.mark.timeout(30)


async def of_all(database, since=T0):
    async with database.reading() as tx:
        return await provider_stats.of_all(tx, since)


def closed(name, *, took_s=10, learned_from=Origin.WEBHOOK, status=Status.COMPLETED, **more):
    return scheduled(
        name,
        status=status,
        submitted_at=T0,
        closed_at=T0 + took_s * SECOND,
        learned_from=learned_from,
        external_id=f"ext-{name}",
        webhook_expected=True,
        **more,
    )


async def test_nobody_behaved_when_nothing_happened(database):
    await keep(database, scheduled())
    assert {} == await of_all(database)


async def test_closed_are_counted_by_provider_and_by_who_told(database):
    await keep(
        database,
        closed("1"),
        closed("2", learned_from=Origin.POLL),
        closed("3", learned_from=Origin.POLL),
        closed("4", provider="vtrix"),
        closed("old", took_s=-1),
    )
    stats = await of_all(database)
    assert (3, {"webhook": 1, "poll": 2}) == (stats["runblob"].closed, stats["runblob"].learned_from)
    assert (1, {"webhook": 1}) == (stats["vtrix"].closed, stats["vtrix"].learned_from)


async def test_failures_are_counted_by_code(database):
    lost, limited = make_failure(FailureCode.RESULT_LOST), make_failure(FailureCode.RATE_LIMITED)
    await keep(
        database,
        closed("1", status=Status.FAILED, failure=lost),
        closed("2", status=Status.FAILED, failure=lost),
        closed("3", status=Status.FAILED, failure=limited),
        closed("4"),
    )
    assert {"result_lost": 2, "rate_limited": 1} == (await of_all(database))["runblob"].failures


async def test_webhooks_that_came_are_counted_among_those_expected(database):
    """Refused webhooks did not come; a generation that the provider never had, or that expects none, does not count."""
    nobody = closed("nobody")
    silent = closed("silent")
    await keep(
        database,
        closed("1"),
        closed("2"),
        closed("3"),
        replace(nobody, generation=replace(nobody.generation, external_id=None)),
        replace(silent, generation=replace(silent.generation, webhook_expected=False)),
    )
    async with database.transaction() as tx:
        await observations.insert_webhooks(tx, [webhook("1", generation_id="gen_1", verified_by=VerifiedBy.SIGNATURE)])
        await observations.insert_webhooks(tx, [webhook("1b", generation_id="gen_1")])
        await observations.insert_webhooks(tx, [webhook("2", generation_id="gen_2", quarantined_at=T0)])
    stats = (await of_all(database))["runblob"]
    assert (3, 1) == (stats.webhooks_expected, stats.webhooks_came)


async def test_repeated_webhooks_and_conflicts_are_counted(database):
    """A poll that repeats the stored state is no repetition by the provider."""
    await keep(database, closed("1"))
    heard = [
        (Origin.WEBHOOK, Finding.REPEATED),
        (Origin.WEBHOOK, Finding.REPEATED),
        (Origin.POLL, Finding.REPEATED),
        (Origin.POLL, Finding.CONFLICTING),
        (Origin.WEBHOOK, Finding.ADVANCED),
    ]
    async with database.transaction() as tx:
        await observations.insert(
            tx,
            [
                (
                    f"obs_{number}",
                    Observation(generation_id="gen_1", origin=origin, at=T0 + number, reading=Reading(status=None)),
                    finding,
                )
                for number, (origin, finding) in enumerate(heard)
            ],
        )
    stats, later = (await of_all(database))["runblob"], (await of_all(database, T0 + 1))["runblob"]
    assert (2, 1) == (stats.repeated, stats.conflicting)
    assert (1, 1) == (later.repeated, later.conflicting)


async def test_durations_are_told_by_their_middle_and_their_slow_end(database):
    await keep(
        database,
        *(closed(f"{number:03}", took_s=number) for number in range(1, 101)),
        closed("failed", took_s=1000, status=Status.FAILED),
        closed("alone", took_s=7, provider="vtrix"),
    )
    stats = await of_all(database)
    assert (50 * SECOND, 95 * SECOND) == (stats["runblob"].duration_p50, stats["runblob"].duration_p95)
    assert (7 * SECOND, 7 * SECOND) == (stats["vtrix"].duration_p50, stats["vtrix"].duration_p95)


async def test_lateness_counts_webhooks_that_came_after_we_knew(database):
    await keep(database, closed("1", learned_from=Origin.POLL), closed("2", learned_from=Origin.WEBHOOK))
    async with database.transaction() as tx:
        for number, (generation_id, after_s) in enumerate([("gen_1", 3), ("gen_1", 5), ("gen_1", -1), ("gen_2", 60)]):
            await observations.insert_webhooks(
                tx, [webhook(f"{number}", generation_id=generation_id, received_at=T0 + (10 + after_s) * SECOND)]
            )
    stats = (await of_all(database))["runblob"]
    assert (3 * SECOND, 5 * SECOND) == (stats.lateness_p50, stats.lateness_p95)


async def test_only_what_happened_since_is_counted(database):
    await keep(database, closed("1"))
    assert {} == await of_all(database, T0 + 11 * SECOND)
    assert ["runblob"] == list(await of_all(database, T0 + 10 * SECOND))
    assert (
        ProviderStats(
            closed=1,
            webhooks_expected=1,
            learned_from={"webhook": 1},
            duration_p50=10 * SECOND,
            duration_p95=10 * SECOND,
        )
        == (await of_all(database))["runblob"]
    )
