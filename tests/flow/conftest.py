"""Fixtures: an each::labs generation on its way, and what its provider answers."""

from typing import Any

import pytest

from arrivals.core.http import InboundWebhook
from arrivals.core.wire import SECOND
from arrivals.flow.observation.receive import receive
from arrivals.flow.settlement.schedule import GRACE
from arrivals.flow.submission.order import OrderRequest, order
from tests.conftest import WEBHOOK_SECRET, run_worker

ACCEPTED = {"status": "success", "message": "Prediction created successfully", "predictionID": "el-1"}
OUTPUT = "https://storage.example.com/1.jpg"
SUCCEEDED = {"exec_id": "el-1", "status": "succeeded", "output": {"url": OUTPUT}, "error": ""}
POLLED = {"id": "el-1", "status": "success", "output": OUTPUT}
ORDER: dict[str, Any] = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a red fox"}}


@pytest.fixture
def ordered(context):
    """Orders a generation; returns its id."""

    async def place(**changed):
        return (await order(context, OrderRequest(**{**ORDER, **changed}))).id

    return place


@pytest.fixture
def submitted(context, upstream, ordered):
    """Orders and submits a generation; returns its id."""

    async def place(**changed):
        generation_id = await ordered(**changed)
        upstream.answers.append((200, ACCEPTED))
        assert await run_worker(context, "submit") == 1
        return generation_id

    return place


@pytest.fixture
def gives_up(context, clock):
    """Runs the expire worker twice: to have one last poll made, and again when the grace for that poll has passed."""

    async def twice(context=context):
        await run_worker(context, "expire")
        clock.advance(GRACE / SECOND)
        await run_worker(context, "expire")

    return twice


@pytest.fixture
def calls_back(context):
    """Sends an authenticated webhook about a generation."""

    async def call(generation_id, body, **changed):
        token = context.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
        headers = {"x-webhook-secret": WEBHOOK_SECRET}
        return await receive(context, "eachlabs", token, InboundWebhook(headers=headers, body=body), **changed)

    return call
