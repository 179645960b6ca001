"""Live: the process answers. Ready: the database can be written, and every worker of this process goes on claiming."""

from collections.abc import Sequence

import anyio
from starlette.responses import Response

from arrivals.flow.context import Tools
from arrivals.web.api.health_schemas import HealthShape, LiveShape, WorkerShape
from arrivals.web.endpoint import Call, Endpoint, json_response
from arrivals.web.errors import SOON, Problem

PATIENCE_S = 5.0


async def live(_call: Call) -> Response:
    """Always, while the process can answer at all."""
    return json_response(LiveShape("live"))


async def ready(call: Call) -> Response:
    """503 while nothing can be stored, or while a worker does not claim; else what the workers do."""
    try:
        with anyio.fail_after(PATIENCE_S):
            # All who ask share one transaction, and nobody waits longer for it than this, however long it takes.
            await call.tools.together(_write, None)
    except Exception as error:
        detail = f"the database cannot be written ({type(error).__name__}); look at its disk and at the log"
        raise Problem(503, "not_ready", detail, headers=SOON) from error
    now = anyio.current_time()
    late = [
        f"{pulse.name} ({now - pulse.claimed_at:.0f} s ago)" for pulse in call.tools.pulses.values() if pulse.late(now)
    ]
    if late:
        detail = f"workers have not claimed for too long: {', '.join(late)}; look at the log"
        raise Problem(503, "not_ready", detail, headers=SOON)
    workers = [
        WorkerShape(pulse.name, round(now - pulse.claimed_at, 3), pulse.busy, pulse.capacity)
        for pulse in call.tools.pulses.values()
    ]
    return json_response(HealthShape("ready", workers))


async def _write(tools: Tools, asked: Sequence[None]) -> list[None]:
    async with tools.store.transaction() as tx:
        await tx.now()
    return [*asked]


ENDPOINTS = (
    Endpoint(method="GET", path="/health/live", handle=live, summary="The process answers", answers={200: LiveShape}),
    Endpoint(
        method="GET", path="/health/ready", handle=ready, answers={200: HealthShape}, refuses=(503,),
        summary="Everything can be stored, and the workers work",
    ),
)  # fmt: skip
