"""The table of workers. Adding one is adding a row."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from arrivals.flow.admin import add_measured, prune, replay
from arrivals.flow.context import Context
from arrivals.flow.delivery import deliver
from arrivals.flow.observation import expire, poll, read
from arrivals.flow.submission import submit
from arrivals.store.engine.signals import Signal
from arrivals.workers.loop import Worker

T = TypeVar("T")

RESTS_S = {Signal.PRUNE: 60.0, Signal.MEASURE: 5.0}
TICK_S = 0.25  # how long what became due by the clock alone may wait
MARGIN_S = 1.0  # an item is stopped before its lease ends
NAMES = tuple(
    signal.value
    for signal in (
        Signal.SUBMIT, Signal.READ, Signal.POLL, Signal.EXPIRE, Signal.DELIVER, Signal.REPLAY, Signal.PRUNE,
        Signal.MEASURE,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Generic[T]):
    """A kind of work: what claims it, what handles an item, what becomes of one that cannot be handled.

    `trust_s` bounds the handling of an item; `capacity` is how many are handled at once.
    """

    signal: Signal
    claim: Callable[[Context, int], Awaitable[Sequence[T]]]
    handle: Callable[[Context, T], Awaitable[object]]
    fail: Callable[[Context, T, Exception], Awaitable[object]]
    trust_s: float
    capacity: int

    def worker(self, context: Context) -> Worker[T]:
        """The worker over this context."""
        return Worker(
            signal=self.signal,
            claim=partial(self.claim, context),
            handle=partial(self.handle, context),
            fail=partial(self.fail, context),
            interval_s=RESTS_S.get(self.signal, TICK_S),
            trust_s=self.trust_s,
            capacity=self.capacity,
        )


def roster(context: Context) -> list[Worker[Any]]:
    """Every worker, in the order in which a generation meets them."""
    delivering_s = context.policy.limits.delivery_timeout_s * 2 - MARGIN_S
    rows: tuple[Row[Any], ...] = (
        Row(
            signal=Signal.SUBMIT, claim=submit.claim, handle=submit.submit, fail=submit.fail,
            trust_s=submit.TRUST_S, capacity=256,
        ),
        Row(
            signal=Signal.READ, claim=_whole(read.claim, 64), handle=read.read, fail=read.fail,
            trust_s=60.0, capacity=1,
        ),
        Row(
            signal=Signal.POLL, claim=poll.claim, handle=poll.poll, fail=poll.fail,
            trust_s=poll.LEASE_S - MARGIN_S, capacity=64,
        ),
        Row(
            signal=Signal.EXPIRE, claim=_whole(expire.claim, 256), handle=expire.expire, fail=expire.fail,
            trust_s=expire.LEASE_S - MARGIN_S, capacity=1,
        ),
        Row(
            signal=Signal.DELIVER, claim=deliver.claim, handle=deliver.deliver, fail=deliver.fail,
            trust_s=delivering_s, capacity=128,
        ),
        Row(
            signal=Signal.REPLAY, claim=replay.claim, handle=replay.replay, fail=replay.fail,
            trust_s=replay.LEASE_S - MARGIN_S, capacity=4,
        ),
        Row(
            signal=Signal.PRUNE, claim=prune.claim, handle=prune.handle, fail=prune.fail,
            trust_s=prune.TRUST_S, capacity=1,
        ),
        Row(
            signal=Signal.MEASURE, claim=add_measured.claim, handle=add_measured.add_measured, fail=add_measured.fail,
            trust_s=add_measured.TRUST_S, capacity=1,
        ),
    )  # fmt: skip
    return [row.worker(context) for row in rows]


def _whole(
    claim: Callable[[Context, int], Awaitable[Sequence[T]]], size: int
) -> Callable[[Context, int], Awaitable[list[Sequence[T]]]]:
    """A claim whose whole batch is one item, because it is settled in one transaction."""

    async def claim_whole(context: Context, _limit: int) -> list[Sequence[T]]:
        batch = await claim(context, size)
        return [batch] if batch else []

    return claim_whole
