"""The one loop: nothing that goes wrong with one item, or with one claim, stops anything else."""

from contextlib import asynccontextmanager

import anyio
import pytest
from structlog.testing import capture_logs

from arrivals.flow.heartbeat import LATE_S
from arrivals.logs import configure
from arrivals.store.engine.base import Unavailable
from arrivals.store.engine.signals import Signal
from arrivals.workers import failures, loop
from arrivals.workers.loop import Worker
from tests.support.eventually import turns, until

SECONDS = 60.0  # a rest that no test waits for: where a loop goes on, something woke it


class Work:
    """Hands out batches; an item is a name, and `handling` says what to do with it."""

    def __init__(self, *batches, store=None):
        self.batches, self.store = list(batches), store
        self.limits, self.begun, self.done, self.failed = [], [], [], []
        self.release = anyio.Event()

    async def claim(self, limit):
        """The next batch; an exception in its place is raised."""
        await anyio.lowlevel.checkpoint()
        self.limits.append(limit)
        batch = self.batches.pop(0) if self.batches else []
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def handle(self, item):
        """`slow…` waits for release, `stuck…` forever, `bad…` raises, `away…` meets no database."""
        self.begun.append(item)
        if item.startswith("away"):
            raise Unavailable("away")
        if item.startswith("bad"):
            raise RuntimeError("on purpose")
        if item.startswith("stuck"):
            await anyio.sleep_forever()
        if item.startswith("slow"):
            await self.release.wait()
        self.done.append(item)

    async def fail(self, item, reason):
        """Notes it; `bad as can be` cannot even be given up."""
        self.failed.append((item, type(reason)))
        if item == "bad as can be":
            raise LookupError

    def worker(self, *, capacity=10, trust_s=SECONDS, interval_s=SECONDS):
        """A worker on it."""
        return Worker(
            signal=Signal.READ,
            claim=self.claim,
            handle=self.handle,
            fail=self.fail,
            interval_s=interval_s,
            trust_s=trust_s,
            capacity=capacity,
        )


@asynccontextmanager
async def running(worker, store):
    """The loop runs while the block does; what has begun is finished at its end."""
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run, store, stop, worker.heartbeat())
        yield
        stop.set()
        store.notify(worker.name)


@pytest.fixture
def lines():
    """The log lines."""
    configure("json", "info")
    with capture_logs() as entries:
        yield entries
    configure("json", "error")


async def test_one_batch_is_claimed_and_handled_whole():
    work = Work(["a", "b", "c"], ["d"])
    assert 3 == await work.worker(capacity=7).run_once()
    assert ["a", "b", "c"] == sorted(work.done)
    assert [7] == work.limits


async def test_empty_batch_is_nothing():
    assert 0 == await Work().worker().run_once()


async def test_failing_item_stops_neither_its_neighbours_nor_the_next_batch():
    work = Work(["bad", "a", "bad too", "b"], ["c"])
    worker = work.worker()
    assert 4 == await worker.run_once()
    assert 1 == await worker.run_once()
    assert ["a", "b", "c"] == work.done
    assert [("bad", RuntimeError), ("bad too", RuntimeError)] == work.failed


async def test_overlong_item_is_stopped_and_stops_nobody_else():
    work = Work(["stuck", "a"], ["b"])
    worker = work.worker(trust_s=0.01)
    assert 2 == await worker.run_once()
    assert 1 == await worker.run_once()
    assert ["a", "b"] == work.done
    assert [("stuck", TimeoutError)] == work.failed


async def test_item_that_cannot_even_be_given_up_stops_nobody():
    work = Work(["bad as can be", "a"])
    assert 2 == await work.worker().run_once()
    assert ["a"] == work.done


async def test_item_that_met_no_database_is_innocent():
    work = Work(["away"])
    assert 1 == await work.worker().run_once()
    assert [] == work.failed


async def test_failing_claim_of_one_batch_is_told_to_who_asked():
    with pytest.raises(RuntimeError, match="on purpose"):
        await Work(RuntimeError("on purpose")).worker().run_once()


async def test_loop_goes_on_as_long_as_there_is_work(store):
    work = Work(["a"], ["bad", "b"], ["c"])
    async with running(work.worker(), store):
        await until(lambda: len(work.done) == 3)
    assert ["a", "b", "c"] == work.done


async def test_failing_claim_rests_and_tries_again(store):
    work = Work(RuntimeError("on purpose"), ["a"])
    async with running(work.worker(interval_s=0.001), store):
        await until(lambda: work.done)
    assert ["a"] == work.done


async def test_claims_that_fail_rest_ever_longer_whatever_rings_and_are_told_once(store, lines, monkeypatch):
    """A database that is away is one line, not one for every claim; and one when it is back."""
    rests = []
    monkeypatch.setattr(loop, "_spread", lambda seconds: rests.append(seconds) or 0)
    work = Work(Unavailable("away"), Unavailable("away"), RuntimeError("a mistake"), Unavailable("away"), ["a"])
    store.notify("read")
    async with running(work.worker(interval_s=1), store):
        await until(lambda: work.done and len(rests) > 4)
    assert [2, 4, 5, 5, 1] == rests[:5]
    events = [(line["event"], line["log_level"]) for line in lines]
    expected = [("database_unavailable", "warning"), ("claim_failed", "error"), ("claims_recovered", "info")]
    assert expected == events
    assert 4 == lines[-1]["failures"]


async def test_trouble_that_lasts_is_told_again_now_and_then(lines, monkeypatch):
    monkeypatch.setattr(failures, "TELL_EVERY_S", 0)
    lasting = failures.Trouble("read")
    for _ in range(2):
        lasting.happened(Unavailable("away"))
    assert [("database_unavailable", "read", "away")] * 2 == [
        (line["event"], line["worker"], line["reason"]) for line in lines
    ]


async def test_items_that_meet_no_database_make_the_worker_rest(store, monkeypatch):
    """An item claimed without a lease would be claimed again at once, for as long as nothing can be written."""
    rests = []
    monkeypatch.setattr(loop, "_spread", lambda seconds: rests.append(seconds) or 0)
    work = Work(["away"], ["away"], ["a"])
    async with running(work.worker(interval_s=1, capacity=1), store):
        await until(lambda: work.done)
    assert [2, 4] == rests[:2]


async def test_stop_ends_the_rest_after_a_failed_claim(store):
    work = Work(*[Unavailable("away")] * 9)
    async with running(work.worker(), store):
        await until(lambda: work.limits)
    assert [10] == work.limits


async def test_worker_that_claims_is_not_late(store):
    worker = Work(["slow"]).worker(interval_s=1, trust_s=10, capacity=1)
    heartbeat = worker.heartbeat()
    began = heartbeat.claimed_at
    assert not heartbeat.late(began + LATE_S)
    assert heartbeat.late(began + LATE_S + 2)

    heartbeat.claimed(1, began + 100)  # the house is full: nothing can be claimed until the item ends
    assert not heartbeat.late(began + 100 + LATE_S + 10)
    assert heartbeat.late(began + 100 + LATE_S + 12)

    heartbeat.ended(began + 170)
    assert not heartbeat.late(began + 170 + LATE_S)
    assert (0, began + 100) == (heartbeat.busy, heartbeat.claimed_at)


async def test_pulse_tells_what_a_worker_has_in_hand(store):
    work, stop = Work(["slow 1", "slow 2"]), anyio.Event()
    worker = work.worker(capacity=3)
    heartbeat = worker.heartbeat()
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run, store, stop, heartbeat)
        await until(lambda: len(work.begun) == 2)
        assert 2 == heartbeat.busy
        work.release.set()
        await until(lambda: heartbeat.busy == 0)
        stop.set()
        store.notify("read")


async def test_bell_ends_a_rest(store):
    work = Work()
    async with running(work.worker(), store):
        await until(lambda: work.limits)
        work.batches.append(["a"])
        store.notify("read")
        await until(lambda: work.done)


async def test_ring_during_a_claim_that_finds_nothing_is_not_lost(store, monkeypatch):
    work = Work()
    claim = work.claim

    async def claim_and_ring(limit):
        batch = await claim(limit)
        if len(work.limits) == 1:
            work.batches.append(["a"])
            store.notify("read")
        return batch

    monkeypatch.setattr(work, "claim", claim_and_ring)
    async with running(work.worker(), store):
        await until(lambda: work.done)
    assert 10 == work.limits[1]


async def test_lost_ring_costs_one_rest(store):
    work = Work()
    async with running(work.worker(interval_s=0.001), store):
        await until(lambda: work.limits)
        work.batches.append(["a"])
        await until(lambda: work.done)


async def test_slow_item_holds_one_place_and_nobodys_turn(store):
    work = Work(["slow"], ["a"], ["b"])
    async with running(work.worker(capacity=2), store):
        await until(lambda: len(work.done) == 2)
        assert ["a", "b"] == work.done
        work.release.set()
    assert ["a", "b", "slow"] == work.done


async def test_full_house_claims_nothing_until_a_place_is_free(store):
    """However long the items take: nothing is claimed that nobody has a hand for."""
    work = Work(["slow 1", "slow 2"], ["a"])
    async with running(work.worker(capacity=2), store):
        await until(lambda: len(work.begun) == 2)
        for _ in range(2):
            store.notify(Signal.READ)
            await turns()
        assert [2] == work.limits
        work.release.set()
        await until(lambda: "a" in work.done)
    assert 0 not in work.limits


async def test_freed_place_is_used_at_once(store):
    work = Work(["slow", "a"], ["b"])
    async with running(work.worker(capacity=2), store):
        await until(lambda: "b" in work.done)
        work.release.set()
    assert [2, 1] == work.limits[:2]


async def test_equal_items_hold_a_place_each(store):
    item = "slow"
    work = Work([item, item], ["a"])
    async with running(work.worker(capacity=3), store):
        await until(lambda: "a" in work.done)
        work.release.set()
    assert [3, 1] == work.limits[:2]


async def test_stop_finishes_what_has_begun_and_claims_no_more(store):
    work = Work(["slow"], [], ["never"])
    async with running(work.worker(), store):
        await until(lambda: len(work.limits) == 2)
        work.batches[:] = [["never"]]
        store_rung = store.version("read")
        work.release.set()
    assert ["slow"] == work.done
    assert [["never"]] == work.batches
    assert store_rung + 1 == store.version("read")


async def test_stop_waits_for_a_slow_item_in_a_full_house(store):
    work = Work(["slow"])
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        worker = work.worker(capacity=1)
        group.start_soon(worker.run, store, stop, worker.heartbeat())
        await until(lambda: work.begun)
        stop.set()
        await turns()
        assert [] == work.done
        work.release.set()
    assert ["slow"] == work.done
