"""Live: the process answers. Ready: the database can be written."""

import anyio
from starlette.responses import Response

from service.web.endpoint import Call, Endpoint, json_response
from service.web.errors import Problem
from service.web.shapes import HealthShape

PATIENCE_S = 5.0


async def live(_call: Call) -> Response:
    """Always, while the process can answer at all."""
    return json_response({"status": "live"})


async def ready(call: Call) -> Response:
    """503 while nothing can be stored."""
    try:
        with anyio.fail_after(PATIENCE_S):
            async with call.tools.store.transaction() as tx:
                await tx.now()
    except Exception as error:
        detail = f"the database cannot be written ({type(error).__name__}); look at its disk and at the log"
        raise Problem(503, "not_ready", detail, headers={"retry-after": "5"}) from error
    return json_response({"status": "ready"})


ENDPOINTS = (
    Endpoint(method="GET", path="/health/live", handle=live, summary="The process answers", answers={200: HealthShape}),
    Endpoint(
        method="GET", path="/health/ready", handle=ready, summary="Everything can be stored", answers={200: HealthShape}
    ),
)
