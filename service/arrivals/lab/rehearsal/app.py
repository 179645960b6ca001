"""The rehearsal as one ASGI app: six providers under their own prefixes, a CDN, and the record of what truly happened.

It is written from the providers' public pages alone and imports nothing from the service that it rehearses.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import time

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from arrivals.lab.rehearsal import aihubmix, eachlabs, files, laozhang, record, runblob, seacloud, vtrix
from arrivals.lab.rehearsal.state import TEMPO, RehearsalState, Tempo

__all__ = ["PROVIDERS", "Tempo", "make_app"]

PROVIDERS = {
    "laozhang": laozhang,
    "runblob": runblob,
    "aihubmix": aihubmix,
    "eachlabs": eachlabs,
    "vtrix": vtrix,
    "seacloud": seacloud,
}
# A host of its own in reality is a prefix of its own here, with the key of its provider.
HOSTS = {"eachlabs-sense": eachlabs.sense.routes}
PAGE = """The rehearsal: stand-ins for six AI media providers, with faults on demand.

  /laozhang /runblob /aihubmix /eachlabs /vtrix /seacloud
                                                   each provider's own paths; key: Bearer rehearsal-<provider>
  /eachlabs-sense                                  each::sense, a host of its own in reality; key: each::labs'
  /cdn/{anything}                                  outputs, for whoever brings no key
  GET  /rehearsal/record                           what truly happened; …/{provider}/{ref} for one order
  POST /rehearsal/record/forget                    {"orders": [[provider, ref], …]}: tells them a last time
  POST /rehearsal/webhooks/{provider}/{ref}        sends an order's closing webhook again

Faults stand in the prompt, as  [rehearse ref=g17 outcome=CODE webhook=twice,late submit=429:2 poll=lag:2 run=1.5]

  ref=NAME        names the order in the record
  outcome=        completed | empty | empty:N | a code or name of the provider's table of errors (below)
  webhook=        lost late late:N twice reordered early forged unreadable huge chunked contradiction
  submit=         429 402 503 500 cut; with :N only the first N times
  poll=           fail lag odd limited, with :N only the first N times; gone
  run=SECONDS     how long the job runs
  dialect=        predictions: hmac | secret; sense: raw | chunk, execution | plain;
                  pictures of aihubmix: url | base64; kirin: own | kling

"""


def make_app(
    *,
    origin: str,
    cdn_origin: str,
    seed: int = 1,
    tempo: Tempo = TEMPO,
    now: Callable[[], float] = time.time,
) -> Starlette:
    """The app, reached under these origins. It sends webhooks for as long as it runs."""
    rehearsal_state = RehearsalState(origin=origin, cdn_origin=cdn_origin, seed=seed, tempo=tempo, now=now)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.rehearsal_state = rehearsal_state
        async with rehearsal_state.open_client(), anyio.create_task_group() as rehearsal_state.tasks:
            yield
            rehearsal_state.tasks.cancel_scope.cancel()

    async def unknown(request: Request, _error: Exception) -> Response:
        rehearsal_state.unknown_paths.append(f"{request.method} {request.url.path}")
        return JSONResponse({"rehearsal": "no provider's page knows this path"}, 404)

    hosts = {name: module.routes for name, module in PROVIDERS.items()} | HOSTS
    providers = [Mount(f"/{name}", routes=host(rehearsal_state)) for name, host in hosts.items()]
    routes: list[BaseRoute] = [
        Route("/", front),
        *record.routes(rehearsal_state),
        *providers,
        Mount("/cdn", routes=files.routes(rehearsal_state)),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: unknown, 405: unknown})


async def front(_request: Request) -> Response:
    """The front page: routes, faults and outcomes in plain text."""
    tables = [
        f"  {name} {route}: {' '.join(outcomes)}\n"
        for name, module in PROVIDERS.items()
        for route, outcomes in module.OUTCOMES.items()
    ]
    return PlainTextResponse(PAGE + "".join(tables))
