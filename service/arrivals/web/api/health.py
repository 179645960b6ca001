"""Live: the process answers. Ready: the database can be written, and every worker of this process goes on claiming."""

from collections.abc import Sequence

import anyio
from starlette.responses import Response

from arrivals.flow.context import Context
from arrivals.web.api.health_schemas import HealthSchema, LiveSchema, WorkerSchema
from arrivals.web.endpoint import Call, Endpoint, json_response
from arrivals.web.errors import SOON, Problem

PATIENCE_S = 5.0


async def live(_call: Call) -> Response:
    """Always, while the process can answer at all."""
    return json_response(LiveSchema("live"))


async def ready(call: Call) -> Response:
    """503 while nothing can be stored, or while a worker does not claim; else what the workers do."""
    try:
        with anyio.fail_after(PATIENCE_S):
            # All who ask share one transaction, and nobody waits longer for it than this, however long it takes.
            await call.context.together(_write, None)
    except Exception as error:
        detail = f"the database cannot be written ({type(error).__name__}); look at its disk and at the log"
        raise Problem(503, "not_ready", detail, headers=SOON) from error
    now = anyio.current_time()
    late = [
        f"{heartbeat.name} ({now - heartbeat.claimed_at:.0f} s ago)"
        for heartbeat in call.context.heartbeats.values()
        if heartbeat.late(now)
    ]
    if late:
        detail = f"workers have not claimed for too long: {', '.join(late)}; look at the log"
        raise Problem(503, "not_ready", detail, headers=SOON)
    workers = [
        WorkerSchema(heartbeat.name, round(now - heartbeat.claimed_at, 3), heartbeat.busy, heartbeat.capacity)
        for heartbeat in call.context.heartbeats.values()
    ]
    return json_response(HealthSchema("ready", workers))


async def _write(context: Context, asked: Sequence[None]) -> list[None]:
    async with context.store.transaction() as tx:
        await tx.now()
    return [*asked]


ENDPOINTS = (
    Endpoint(
        method="GET", path="/health/live", operation="getLiveness",
        handle=live, summary="The process answers", answers={200: LiveSchema},
    ),
    Endpoint(
        method="GET", path="/health/ready", operation="getReadiness",
        handle=ready, answers={200: HealthSchema}, refuses=(503,),
        summary="Everything can be stored, and the workers work",
    ),
)  # fmt: skip
