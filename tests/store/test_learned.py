"""Everything that was learned comes back whole, within its bounds."""

import pytest

from arrivals.core.durations import Durations
from arrivals.core.lessons import WebhookLesson, WebhookRecord
from arrivals.store import learned

KIND = ("runblob", "kling", "5s")
SKETCH = Durations(weights={3: 1.5, 80: 0.25}, surprise=0.125)
RECORD = WebhookRecord().with_lesson(WebhookLesson(provider="runblob", account="b", came=True, late_s=2.0))


async def test_durations_come_back_whole(database):
    async with database.transaction() as tx:
        assert Durations() == await learned.durations_of(tx, KIND, 10)
        await learned.save_durations(tx, KIND, SKETCH, 11)
        assert SKETCH == await learned.durations_of(tx, KIND, 12)
        assert {KIND: SKETCH} == await learned.durations_since(tx, 11)
        assert {} == await learned.durations_since(tx, 12)


async def test_records_of_webhooks_come_back_whole(database):
    async with database.transaction() as tx:
        assert WebhookRecord() == await learned.webhooks_of(tx, ("runblob", "b"), 10)
        await learned.save_webhooks(tx, ("runblob", "b"), RECORD, 11)
        read = await learned.webhooks_of(tx, ("runblob", "b"), 12)
        assert {("runblob", "b"): read} == await learned.webhooks_since(tx, 11)
    assert (RECORD.share, RECORD.recent) == (read.share, read.recent)
    assert pytest.approx(RECORD.habits.late_s) == read.habits.late_s


async def test_what_was_not_updated_for_longest_is_forgotten(database, monkeypatch):
    monkeypatch.setattr(learned, "MAX_SKETCHES", 3)
    async with database.transaction() as tx:
        for number in range(5):
            kind = ("runblob", f"model-{number}", "")
            await learned.durations_of(tx, kind, number)
            await learned.save_durations(tx, kind, SKETCH, number)
        await learned.forget_durations(tx)
    monkeypatch.undo()
    async with database.reading() as tx:
        kept = await learned.durations_since(tx, 0)

    assert ["model-2", "model-3", "model-4"] == sorted(kind[1] for kind in kept)
