"""The table of workers. Adding one is adding a row."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from arrivals.flow.admin import prune, replay
from arrivals.flow.context import Context
from arrivals.flow.delivery import deliver
from arrivals.flow.observation import expire, poll, read
from arrivals.flow.submission import submit
from arrivals.workers.loop import Worker

T = TypeVar("T")

RESTS_S = {"prune": 60.0}
TICK_S = 0.25  # how long what became due by the clock alone may wait
NAMES = ("submit", "read", "poll", "expire", "deliver", "replay", "prune")


def roster(context: Context) -> list[Worker[Any]]:
    """Every worker, with its rows in the order in which a generation meets them."""
    margin_s = 1.0
    delivering_s = context.limits.delivery_timeout_s * 2 - margin_s
    rows: list[tuple[str, Any, Any, Any, float, int]] = [
        # name; what claims; what handles; what becomes of what cannot be handled; trust in seconds; capacity
        ("submit", submit.claim, submit.submit, submit.fail, submit.TRUST_S, 256),
        ("read", _whole(read.claim, 64), read.read, read.fail, 60.0, 1),
        ("poll", poll.claim, poll.poll, poll.fail, poll.LEASE_S - margin_s, 64),
        ("expire", _whole(expire.claim, 256), expire.expire, expire.fail, expire.LEASE_S - margin_s, 1),
        ("deliver", deliver.claim, deliver.deliver, deliver.fail, delivering_s, 128),
        ("replay", replay.claim, replay.replay, replay.fail, replay.LEASE_S - margin_s, 4),
        ("prune", prune.claim, prune.handle, prune.fail, prune.TRUST_S, 1),
    ]
    return [
        Worker(
            name=name,
            claim=partial(claim, context),
            handle=partial(handle, context),
            fail=partial(fail, context),
            interval_s=RESTS_S.get(name, TICK_S),
            trust_s=trust_s,
            capacity=capacity,
        )
        for name, claim, handle, fail, trust_s, capacity in rows
    ]


def _whole(
    claim: Callable[[Context, int], Awaitable[Sequence[T]]], size: int
) -> Callable[[Context, int], Awaitable[list[Sequence[T]]]]:
    """A claim whose whole batch is one item, because it is settled in one transaction."""

    async def claim_whole(context: Context, _limit: int) -> list[Sequence[T]]:
        batch = await claim(context, size)
        return [batch] if batch else []

    return claim_whole
