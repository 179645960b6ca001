"""The database as `arrivals doctor` reads it: webhooks, breakers, work that waits, the disk and the clock."""

from dataclasses import asdict
import shutil

import anyio
from msgspec import structs
import pytest

from arrivals.assembly import clock
from arrivals.cli.doctor import disk
from arrivals.core.breaker import MISSES_TO_OPEN, Breaker
from arrivals.core.budget import Ledger
from arrivals.core.generation import Origin, Status
from arrivals.core.standard_webhooks import make_secret
from arrivals.core.wire import SECOND
from arrivals.lab.processes import Process, free_port
from arrivals.store import accounts, deliveries, generations, observations, prune, subscribers
from arrivals.store.engine.connect import open_database
from arrivals.store.engine.migrate import migrate
from tests.cli.conftest import API_KEY, environment
from tests.support.attempts import record_attempts
from tests.support.examples import delivery, scheduled, subscriber, webhook
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.timeout(60)

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
NOBODY = {"API_KEY": API_KEY, "PORT": free_port(), "RUNBLOB_API_KEY": "any"}
NOBODY |= {"RUNBLOB_BASE_URL": f"http://127.0.0.1:{NOBODY['PORT']}"}
SECRETS = {"SECRET_KEYS": "key-of-16-letters", "CALLBACK_SECRET": make_secret(bytes(32))}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """A database that is up to date, on each engine in turn."""
    if request.param == "sqlite":
        anyio.run(make, str(tmp_path / "my.db"))
        yield tmp_path / "my.db"
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as made:
        anyio.run(make, made)
        yield made


async def make(url):
    """Makes the database of a service that was never started."""
    database = await open_database(url, clock, 1, create=True)
    try:
        await migrate(database, clock(), post=True)
    finally:
        await database.close()


@pytest.fixture
def filled(url):
    """Does something within one transaction."""

    def fill(work):
        async def run():
            database = await open_database(str(url), clock, 1)
            try:
                async with database.transaction() as tx:
                    await work(tx)
            finally:
                await database.close()

        anyio.run(run)

    return fill


@pytest.fixture
def checks(doctor, url):
    """The checks of this database, while no service runs."""

    def examine(**settings):
        return doctor(DATABASE=url, **{**NOBODY, **SECRETS, **settings})

    return examine


def test_a_database_without_trouble_is_found_without_it(checks):
    report = checks()

    assert "empty: no webhook was refused" == report["quarantine"]["found"]
    assert "none are missing from what closed in the last day" == report["webhooks"]["found"]
    assert "all closed" == report["breakers"]["found"]
    assert "none has waited for long" == report["due work"]["found"]
    assert "clock against the database" not in report


def test_webhooks_in_quarantine_are_counted_with_what_to_do(checks, filled):
    now = clock()

    async def refuse(tx):
        for number, ago in enumerate([3 * 24 * HOUR, 2 * HOUR]):
            reason = f"reason {number}"
            await observations.insert_webhooks(
                tx, [webhook(str(number), quarantined_at=now - ago, received_at=now - ago, refused_reason=reason)]
            )
        long_ago = now - 25 * HOUR
        await observations.insert_webhooks(
            tx, [webhook("old", provider="vtrix", quarantined_at=long_ago, received_at=long_ago)]
        )

    filled(refuse)
    report = checks()

    assert report["quarantine of runblob"]["found"].startswith("2 webhooks were refused since ")
    assert "(reason 1)" in report["quarantine of runblob"]["found"]
    assert "ARRIVALS_RUNBLOB_WEBHOOK_SECRET" in report["quarantine of runblob"]["advice"]
    assert "`arrivals replays start quarantine --provider runblob`" in report["quarantine of runblob"]["advice"]
    assert (True, True) == (
        report["quarantine of vtrix"]["ok"], report["quarantine of vtrix"]["found"].endswith("; none in the last day")
    )  # fmt: skip


def closed_by_polls(count, at, **changed):
    """Generations that expected a webhook and were closed by polls at this moment."""
    fields = {"status": Status.COMPLETED, "closed_at": at, "webhook_expected": True, "learned_from": Origin.POLL}
    return [scheduled(f"{at}-{number}", **{**fields, **changed}) for number in range(count)]


@pytest.mark.parametrize(
    ("closed", "webhook_ago", "words"),
    [
        (3, None, "3 generations that expected one closed by polls in the last day, and none ever came"),
        (3, 3 * HOUR, "3 generations that expected one closed by polls in the last day, since its last one at "),
        (3, MINUTE, None),
        (2, None, None),
    ],
    ids=["never", "stopped", "came since", "few"],
)
def test_a_provider_whose_webhooks_have_stopped_is_named(checks, filled, closed, webhook_ago, words):
    now = clock()

    async def close(tx):
        for row in [*closed_by_polls(closed, now - HOUR), *closed_by_polls(5, now - 25 * HOUR)]:
            await generations.insert(tx, row, "{}")
        for row in closed_by_polls(5, now - HOUR - 1, webhook_expected=False):
            await generations.insert(tx, row, "{}")
        if webhook_ago is not None:
            await observations.insert_webhooks(tx, [webhook("1", received_at=now - webhook_ago)])

    filled(close)
    report = checks()

    if words is None:
        assert report["webhooks"]["ok"]
    else:
        assert report["webhooks of runblob"]["found"].startswith(words)
        assert "ARRIVALS_PUBLIC_URL" in report["webhooks of runblob"]["advice"]


def test_open_breakers_of_accounts_and_of_subscribers_are_named(checks, filled):
    now = clock()
    error = "dns: no such host"

    async def fail(tx):
        opened = Breaker(misses=MISSES_TO_OPEN, open_until=now + MINUTE)
        await accounts.save_ledger(tx, Ledger(provider="runblob", account="team_b", **asdict(opened)))
        await accounts.save_ledger(tx, Ledger(provider="runblob", account="default", misses=MISSES_TO_OPEN - 1))
        await subscribers.insert(tx, subscriber("1"))
        origin = await subscribers.callback_subscriber(tx, subscriber("2", url="https://callback.example"))
        for name, subscriber_id in (("1", "sub_1"), ("2", origin)):
            one_try = delivery(name, subscriber_id=subscriber_id, attempt_at=now)
            await deliveries.insert(tx, [one_try])
            attempt = deliveries.Attempt(delivery_id=one_try.id, number=1, at=now, duration_s=0.1, error=error)
            await record_attempts(tx, [(attempt, structs.replace(one_try, attempt_count=1))])
            await deliveries.save_breaker(tx, subscriber_id, opened)

    filled(fail)
    report = checks()

    assert report["breaker of runblob/team_b"]["found"].startswith(f"open: the last {MISSES_TO_OPEN} requests failed")
    assert "breaker of runblob/default" not in report
    assert f"({error})" in report["breaker of sub_1"]["found"]
    assert "`arrivals subscribers resend-waiting sub_1`" in report["breaker of sub_1"]["advice"]
    assert (
        "https://callback.example has failed since"
        in (report["breaker of callback URLs at https://callback.example"]["found"])
    )
    assert "breakers" not in report


def test_work_that_nobody_does_is_found(checks, filled):
    now = clock()

    async def wait(tx):
        await observations.insert_webhooks(tx, [webhook("1", received_at=now - 5 * MINUTE)])
        await generations.insert(tx, scheduled("1", timeout_at=now - 10 * MINUTE), "{}")
        await prune.claim(tx, now - 3 * HOUR, 0)

    filled(wait)
    check = checks()["due work"]

    for words in (
        "a webhook has waited to be read since",
        "nobody has ended a wait",
        "old rows are deleted once an hour",
    ):
        assert words in check["found"]
    assert "start `arrivals serve` without --web-only" in check["advice"]


def test_work_that_is_just_due_is_none_that_waits_for_long(checks, filled):
    now = clock()

    async def wait(tx):
        await observations.insert_webhooks(tx, [webhook("1", received_at=now - SECOND)])
        await generations.insert(tx, scheduled("1", timeout_at=now - SECOND), "{}")
        await prune.claim(tx, now - HOUR, 0)

    filled(wait)

    assert checks()["due work"]["ok"]


@pytest.mark.parametrize(("ahead", "well"), [(10 * MINUTE, False), (0, True)])
def test_a_clock_behind_the_newest_moment_is_found(checks, filled, ahead, well):
    async def write(tx):
        await generations.insert(tx, scheduled("1", created_at=clock() + ahead), "{}")

    filled(write)
    check = checks()["clock against the database"]

    assert well is check["ok"]
    assert "its newest moment is" in check["found"]
    if not well:
        assert "s ahead: this clock was set back" in check["found"]


def test_room_on_the_disk_is_measured_where_the_database_lies(checks, url, monkeypatch):
    """On a server's disk nobody looks from here."""
    report = checks()
    on_server = str(url).startswith("postgresql")
    assert ("disk" in report) is not on_server
    assert ("clock against the database's server" in report) is on_server
    if on_server:
        return
    assert report["disk"]["ok"] is (shutil.disk_usage(url.parent).free >= disk.MIN_FREE_BYTES)
    assert f"free at {url.parent}; the database has " in report["disk"]["found"]
    monkeypatch.setattr(disk, "MIN_FREE_BYTES", 2**80)

    check = checks()["disk"]

    assert not check["ok"]
    assert "make room" in check["advice"]


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 * 2**30, "3.0 GiB"), (2**52, "4096.0 TiB")],
)
def test_sizes_are_in_words(size, words):
    assert words == disk.in_words(size)


def test_nothing_is_changed(checks, filled, url):
    """It opens the database, and reads."""
    now = clock()

    async def fail(tx):
        await accounts.save_ledger(
            tx, Ledger(provider="runblob", account="default", misses=MISSES_TO_OPEN, open_until=now)
        )

    filled(fail)
    before = stored_ledger(filled)
    checks()

    assert before == stored_ledger(filled)


def stored_ledger(filled):
    """The ledger of the account as it is stored."""
    seen = []

    async def look(tx):
        seen.append(asdict(await accounts.ledger_seen(tx, ("runblob", "default"))))

    filled(look)
    return seen


def test_a_process_without_workers_is_told_from_one_that_has_them(doctor, arrivals, tmp_path):
    settings = {"DATABASE": tmp_path / "web.db", "PORT": free_port(), "API_KEY": API_KEY, "LAOZHANG_API_KEY": "any"}
    settings["LAOZHANG_BASE_URL"] = f"http://127.0.0.1:{settings['PORT']}"
    process = Process("web", ["arrivals", "serve", "--web-only"], environment(**settings), tmp_path)
    process.start(f"http://127.0.0.1:{settings['PORT']}/health/ready")
    try:
        report = doctor(**settings)
    finally:
        process.stop()

    assert "none in the process that answers (--web-only)" in report["workers"]["found"]
    assert report["clock against the service"]["ok"]
