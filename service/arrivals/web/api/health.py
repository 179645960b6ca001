"""Live: the process answers. Ready: the database can be written, and every worker of this process keeps claiming."""

import anyio
from starlette.responses import Response

from arrivals.flow.admin.readiness import check_database
from arrivals.web.api.health_schemas import LivenessSchema, ReadinessSchema, WorkerSchema
from arrivals.web.endpoint import Call, Endpoint, json_response
from arrivals.web.errors import SOON, Problem


async def live(_call: Call) -> Response:
    """Answers 200 while the process can answer at all."""
    return json_response(LivenessSchema("live"))


async def ready(call: Call) -> Response:
    """Answers 503 while nothing can be stored or a worker does not claim; else the state of the workers."""
    try:
        await check_database(call.context)
    except Exception as error:
        detail = f"the database cannot be written ({type(error).__name__}); look at its disk and at the log"
        raise Problem(503, "not_ready", detail, headers=SOON) from error
    now = anyio.current_time()
    late = [
        f"{heartbeat.name} ({now - heartbeat.claimed_at:.0f} s ago)"
        for heartbeat in call.context.process.heartbeats.values()
        if heartbeat.late(now)
    ]
    if late:
        detail = f"workers have not claimed for too long: {', '.join(late)}; look at the log"
        raise Problem(503, "not_ready", detail, headers=SOON)
    workers = [
        WorkerSchema(heartbeat.name, round(now - heartbeat.claimed_at, 3), heartbeat.busy, heartbeat.capacity)
        for heartbeat in call.context.process.heartbeats.values()
    ]
    return json_response(ReadinessSchema("ready", workers))


ENDPOINTS = (
    Endpoint(
        method="GET", path="/health/live", operation="getLiveness",
        tag="Monitoring", summary="Check that the process answers",
        description="Answers as long as the process runs. Needs no key.",
        handle=live, answers={200: LivenessSchema},
    ),
    Endpoint(
        method="GET", path="/health/ready", operation="getReadiness",
        tag="Monitoring", summary="Check that work is done",
        description="503 while the database cannot be written or a worker does not claim. Needs no key.",
        handle=ready, answers={200: ReadinessSchema}, refuses=(503,),
    ),
)  # fmt: skip
