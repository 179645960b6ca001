import pytest

from service.core.wire import micros
from service.flow.cancel import LEASE_S, NotCancelable, cancel
from service.flow.order import stored
from service.store import generations
from service.store.base import Missing
from tests.conftest import run_worker
from tests.flow.conftest import ACCEPTED


async def test_what_waits_is_withdrawn_and_never_sent(tools, upstream, ordered):
    generation_id = await ordered()

    await cancel(tools, generation_id)

    generation = await stored(tools, generation_id)
    assert ("canceled", None) == (generation.status, generation.submitted_at)
    assert 0 == await run_worker(tools, "submit")
    assert [] == upstream.asked


async def test_the_provider_is_asked_to_cancel(tools, upstream, submitted):
    generation_id = await submitted()
    upstream.answers.append((200, {"status": "cancelled", "predictionID": "el-1"}))

    await cancel(tools, generation_id)

    assert "canceled" == (await stored(tools, generation_id)).status
    assert "/v1/prediction/el-1/cancel" == upstream.asked[-1].path


async def test_who_dies_between_withdrawing_and_canceling_takes_no_order_along(tools, clock, upstream, ordered):
    """Nobody was told that it is canceled: it is submitted when the lease has passed."""
    generation_id = await ordered()
    async with tools.store.transaction() as tx:
        assert await generations.withdraw(tx, generation_id, micros(LEASE_S))
    assert 0 == await run_worker(tools, "submit")

    clock.advance(LEASE_S + 1)
    upstream.answers.append((200, ACCEPTED))

    assert 1 == await run_worker(tools, "submit")
    assert "submitted" == (await stored(tools, generation_id)).status


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((409, {"error": "already finished"}), "refused: already finished"),
        ((200, b"<html>"), "no usable answer"),
        ("cut", "no usable"),
    ],
    ids=["refused", "unreadable", "cut"],
)
async def test_a_provider_that_does_not_cancel_changes_nothing(tools, upstream, submitted, answer, says):
    generation_id = await submitted()
    upstream.answers.append(answer)

    with pytest.raises(NotCancelable, match=says):
        await cancel(tools, generation_id)

    assert "submitted" == (await stored(tools, generation_id)).status


async def test_what_cannot_be_canceled_says_why(tools, upstream, ordered, submitted):
    pending = await ordered()
    await cancel(tools, pending)
    with pytest.raises(NotCancelable, match="canceled already"):
        await cancel(tools, pending)

    of_runblob = await ordered(provider="runblob", model="gemini")
    upstream.answers.append((201, {"task_uuid": "rb-1", "status": "pending"}))
    await run_worker(tools, "submit")
    with pytest.raises(NotCancelable, match="no way to cancel"):
        await cancel(tools, of_runblob)

    unanswered = await ordered()
    upstream.answers.append("cut")
    await run_worker(tools, "submit")
    with pytest.raises(NotCancelable, match="under way"):
        await cancel(tools, unanswered)

    with pytest.raises(Missing):
        await cancel(tools, "gen_nobody")


async def test_a_cancel_that_died_half_way_can_be_repeated(tools, ordered):
    generation_id = await ordered()
    async with tools.store.transaction() as tx:
        assert await generations.withdraw(tx, generation_id, 1)

    await cancel(tools, generation_id)

    assert "canceled" == (await stored(tools, generation_id)).status
