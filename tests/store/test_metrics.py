"""The metrics, counted from stored rows and from rows that were pruned."""

from dataclasses import replace

from msgspec import structs
import pytest

from arrivals.core.breaker import MISSES_TO_OPEN
from arrivals.core.budget import Ledger
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Finding
from arrivals.flow.delivery.claim import claim_due
from arrivals.store import accounts, generations, metrics, observations, subscriber_health, subscribers
from arrivals.store.deliveries import Attempt
from arrivals.store.metrics import ACCEPTED, ATTEMPTS, CLOSED_BY, POLLS, MetricsSnapshot
from tests.support.attempts import record_attempts
from tests.support.examples import (
    SECOND,
    T0,
    announce,
    delivery,
    due,
    event,
    keep,
    mark_read,
    scheduled,
    subscribe,
    subscriber,
)
from tests.support.examples import webhook as example

pytestmark = pytest.mark.timeout(30)


async def snapshot(database, now=T0):
    async with database.reading() as tx:
        return await metrics.snapshot(tx, now)


async def polled(database, record, polls, misses=0):
    """Inserts a generation that was polled."""
    await keep(database, record)
    async with database.transaction() as tx:
        counted = structs.replace(
            record, generation=structs.replace(record.generation, polls=polls), poll_misses=misses
        )
        await generations.save(tx, [counted])


async def came(database, *webhooks):
    async with database.transaction() as tx:
        for webhook in webhooks:
            await observations.insert_webhooks(tx, [webhook])


async def read(database, name, finding=Finding.ADVANCED, unreadable=None):
    async with database.transaction() as tx:
        await mark_read(tx, f"whk_{name}", T0, finding, unreadable)


async def tried(database, of, number, **became):
    async with database.transaction() as tx:
        attempt = Attempt(delivery_id=of.id, number=number, at=T0, duration_s=0.1, **became)
        await record_attempts(tx, [(attempt, structs.replace(of, attempt_count=number))])


async def test_nothing_happened_yet(database):
    measured = await snapshot(database)
    (((engine,), size),) = measured.database_bytes.items()
    assert engine in ("sqlite", "postgresql")
    assert size > 10_000
    assert measured == MetricsSnapshot(
        database_bytes={(engine,): size},
        oldest_unread_s={(): 0},
        queues=dict.fromkeys([("submit",), ("read",), ("poll",), ("expire",), ("deliver",)], 0),
        deliveries=dict.fromkeys([("waiting",), ("delivered",), ("given_up",)], 0),
    )


async def test_generations_are_counted_by_provider_and_status(database):
    await keep(
        database,
        scheduled("1"),
        scheduled("2"),
        scheduled("3", status=Status.PROCESSING),
        scheduled("4", provider="vtrix", status=Status.EXPIRED, failure=make_failure(FailureCode.SUBMISSION_UNKNOWN)),
        scheduled("5", provider="vtrix", status=Status.EXPIRED, failure=make_failure(FailureCode.DEADLINE_PASSED)),
    )
    measured = await snapshot(database)
    assert {("runblob", "pending"): 2, ("runblob", "processing"): 1, ("vtrix", "expired"): 2} == measured.generations
    assert {("runblob",): 0, ("vtrix",): 1} == measured.unknown
    assert {} == measured.closed


async def test_closed_are_counted_by_who_told_and_whether_a_webhook_was_expected(database):
    closed = {"status": Status.COMPLETED, "closed_at": T0}
    await keep(
        database,
        scheduled("1", **closed, learned_from=Origin.WEBHOOK, webhook_expected=True),
        scheduled("2", **closed, learned_from=Origin.POLL, webhook_expected=True),
        scheduled("3", **closed | {"status": Status.FAILED}, learned_from=Origin.POLL, webhook_expected=True),
        scheduled("4", **closed, learned_from=Origin.POLL),
    )
    assert {
        ("runblob", "webhook", "expected"): 1,
        ("runblob", "poll", "expected"): 2,
        ("runblob", "poll", "unexpected"): 1,
    } == (await snapshot(database)).closed


async def test_polls_are_summed_and_misses_of_what_is_still_asked_about(database):
    await polled(database, scheduled("1", status=Status.PROCESSING), polls=3, misses=2)
    await polled(database, scheduled("2", status=Status.SUBMITTED), polls=1, misses=1)
    await polled(database, scheduled("3", status=Status.COMPLETED, closed_at=T0), polls=5, misses=7)
    measured = await snapshot(database)
    assert ({("runblob",): 9}, {("runblob",): 3}) == (measured.polls, measured.poll_misses)


async def test_webhooks_are_counted_by_what_became_of_them(database):
    await came(
        database,
        *(example(name, received_at=T0 + number) for number, name in enumerate(["1", "2", "3", "4"])),
        example("unread", received_at=T0 + 9 * SECOND),
        example("refused", received_at=T0 + 20 * SECOND, quarantined_at=T0),
        example("other", provider="vtrix", quarantined_at=T0),
    )
    await read(database, "1")
    await read(database, "2")
    await read(database, "3", Finding.REPEATED)
    await read(database, "4", Finding.HELD, unreadable="no JSON")
    measured = await snapshot(database, T0 + 10 * SECOND)
    assert {
        ("runblob", "advanced"): 2,
        ("runblob", "repeated"): 1,
        ("runblob", "unreadable"): 1,
        ("runblob", "unread"): 1,
        ("runblob", "quarantined"): 1,
        ("vtrix", "quarantined"): 1,
    } == {labels: number for labels, number in measured.webhooks.items() if number}
    assert {("runblob",): 5} == measured.accepted
    assert {("runblob",): T0 / SECOND + 9} == measured.last_webhook
    assert {(): 1} == measured.oldest_unread_s


async def test_the_oldest_unread_webhook_counts_whoever_sent_it(database):
    await came(
        database,
        example("1", received_at=T0 + 5 * SECOND),
        example("2", provider="vtrix", received_at=T0 + 2 * SECOND),
        example("refused", received_at=T0, quarantined_at=T0),
        example("read", received_at=T0),
    )
    await read(database, "read")
    measured = await snapshot(database, T0 + 12 * SECOND)
    assert ({(): 10}, 2) == (measured.oldest_unread_s, measured.queues["read",])


async def test_queues_hold_what_is_due_now(database):
    await keep(
        database,
        scheduled("1", submit_at=T0, timeout_at=T0 + 1),
        scheduled("2", submit_at=T0 + 1, timeout_at=T0),
        scheduled("3", status=Status.PROCESSING, poll_at=T0, timeout_at=T0 - 1),
        scheduled("4", status=Status.PROCESSING, poll_at=T0 - 1),
        scheduled("5", status=Status.PROCESSING, poll_at=T0 - 2),
    )
    paused = subscriber("paused")
    await subscribe(database, subscriber("1"), paused)
    async with database.transaction() as tx:
        await subscribers.update(tx, replace(paused, paused_at=T0))
    await due(
        database,
        delivery("1"),
        delivery("2", created_at=T0 + 1),
        delivery("3", subscriber_id="sub_paused"),
    )
    measured = await snapshot(database)
    assert {("submit",): 1, ("read",): 0, ("poll",): 3, ("expire",): 2, ("deliver",): 1} == measured.queues
    assert 3 == measured.deliveries["waiting",]


async def test_deliveries_and_attempts_are_counted_by_outcome(database):
    """Outcomes keep the error's name, and not the words behind it."""
    await subscribe(database, subscriber())
    first, second, third, _ = made = [delivery(name) for name in "1234"]
    await due(database, *made)
    async with database.transaction() as tx:
        await claim_due(tx, 4, SECOND)
    await tried(database, structs.replace(first, delivered_at=T0), 1, http_status=200)
    await tried(database, structs.replace(second, given_up_at=T0), 1, http_status=503, error="status: HTTP 503")
    again = structs.replace(third, attempt_at=T0 + SECOND)
    await tried(database, again, 1, http_status=204)
    await tried(database, again, 2, http_status=302, error="redirect: redirects are not followed")
    await tried(database, again, 3, error="dns: no such host as app.example")
    await tried(database, again, 4, error="dns: no such host as other.example")
    await tried(database, again, 5, error="Something else, which has no name")
    await tried(database, again, 6, error="timeout")
    measured = await snapshot(database)
    assert {("waiting",): 2, ("delivered",): 1, ("given_up",): 1} == measured.deliveries
    assert {("2xx",): 2, ("3xx",): 1, ("5xx",): 1, ("dns",): 2, ("timeout",): 1, ("other",): 1} == measured.attempts


async def test_subscribers_are_counted_by_how_they_stand(database):
    paused = subscriber("paused")
    await subscribe(database, subscriber("1"), subscriber("2"), paused, subscriber("off"), subscriber("failing"))
    async with database.transaction() as tx:
        await subscribers.update(tx, replace(paused, paused_at=T0))
        await subscribers.disable(tx, "sub_off", T0, "it answered 410 Gone")
        await subscribers.callback_subscriber(tx, subscriber("origin"))
    await tried(database, delivery(subscriber_id="sub_failing", attempt_at=T0 + 1), 1, error="dns: no such host")
    assert {
        ("registered", "active"): 2,
        ("registered", "paused"): 1,
        ("registered", "failing"): 1,
        ("registered", "disabled"): 1,
        ("callback", "active"): 1,
    } == (await snapshot(database)).subscribers


async def test_each_subscriber_shows_its_backlog_and_its_latest_success(database):
    await subscribe(database, subscriber("1"), subscriber("2"), subscriber("3"))
    async with database.transaction() as tx:
        await subscribers.callback_subscriber(tx, subscriber("origin"))
    await due(database, delivery("a"), delivery("b"), delivery("c", subscriber_id="sub_3"))
    await tried(database, delivery("c", subscriber_id="sub_3", attempt_at=T0 + 1), 1, error="dns: no such host")
    async with database.transaction() as tx:
        await subscriber_health.answered(tx, "sub_2", T0 + 5 * SECOND)
    measured = await snapshot(database)
    assert {("sub_1",): 2, ("sub_2",): 0, ("sub_3",): 1} == measured.backlogs
    assert {("sub_1",): 0, ("sub_2",): 0, ("sub_3",): 1} == measured.failing
    assert {("sub_2",): T0 / SECOND + 5} == measured.last_success


async def test_only_so_many_subscribers_have_numbers_of_their_own(database, monkeypatch):
    """A label for each of thousands would cost whoever scrapes them more than it tells."""
    monkeypatch.setattr(metrics, "MAX_LABELLED", 1)
    await subscribe(database, subscriber("1"), subscriber("2"), subscriber("3"))
    await due(database, delivery("a"), delivery("b", subscriber_id="sub_2"), delivery("c", subscriber_id="sub_3"))
    for name in ("2", "3"):
        async with database.transaction() as tx:
            await subscriber_health.answered(tx, f"sub_{name}", T0 + int(name) * SECOND)
    await tried(database, delivery("c", subscriber_id="sub_3", attempt_at=T0 + 1), 1, error="dns: no such host")
    measured = await snapshot(database)
    assert {("sub_1",): 1, ("other",): 2} == measured.backlogs
    assert {("sub_1",): 0, ("other",): 1} == measured.failing
    assert {("other",): T0 / SECOND + 3} == measured.last_success


async def test_what_processes_have_measured_is_added_up(database):
    first: dict = {("x_seconds", "a", "1.0"): 2, ("x_seconds", "a", "sum"): 1500}
    second: dict = {("x_seconds", "a", "1.0"): 3}
    async with database.transaction() as tx:
        await metrics.add_measured(tx, first)
        await metrics.add_measured(tx, second)
    assert {("x_seconds", "a", "1.0"): 5, ("x_seconds", "a", "sum"): 1500} == (await snapshot(database)).measured


@pytest.mark.parametrize(("misses", "opened"), [(MISSES_TO_OPEN - 1, 0), (MISSES_TO_OPEN, 1)])
async def test_a_breaker_is_told_per_account(database, misses, opened):
    async with database.transaction() as tx:
        await accounts.save_ledger(tx, Ledger(provider="runblob", account="team_b", misses=misses, open_until=T0 + 1))
        await accounts.save_ledger(tx, Ledger(provider="vtrix", account="default"))
    assert {("runblob", "team_b"): opened, ("vtrix", "default"): 0} == (await snapshot(database)).breakers


async def test_what_was_forgotten_still_counts(database):
    """A counter would go down otherwise, and its reader would take that for a restart."""
    await polled(
        database,
        scheduled("1", status=Status.COMPLETED, closed_at=T0, learned_from=Origin.POLL, webhook_expected=True),
        polls=2,
    )
    await came(database, example("1"))
    await tried(database, delivery(), 1, http_status=200)
    async with database.transaction() as tx:
        for _ in range(2):
            await metrics.archive(
                tx, CLOSED_BY, {("runblob", "poll", "expected"): 2, ("vtrix", "clock", "expected"): 1}
            )
            await metrics.archive(tx, ACCEPTED, {("runblob",): 5})
            await metrics.archive(tx, POLLS, {("runblob",): 10})
            await metrics.archive(tx, ATTEMPTS, {("dns",): 1, ("2xx",): 2})
            await metrics.archive(tx, ATTEMPTS, {})
    await announce(database, event("1"))
    measured = await snapshot(database)
    assert {("runblob", "poll", "expected"): 5, ("vtrix", "clock", "expected"): 2} == measured.closed
    assert ({("runblob",): 11}, {("runblob",): 22}) == (measured.accepted, measured.polls)
    assert {("dns",): 2, ("2xx",): 5} == measured.attempts


@pytest.mark.parametrize(
    ("http_status", "error", "outcome"),
    [
        (204, None, "2xx"),
        (404, "status: HTTP 404", "4xx"),
        (None, "tls", "tls"),
        (None, "dns: no such host", "dns"),
        (None, "", "other"),
        (None, None, "other"),
        (None, "a" * 33, "other"),
    ],
)
async def test_outcomes_are_words_of_ours(http_status, error, outcome):
    assert outcome == metrics.outcome_of(http_status, error)
