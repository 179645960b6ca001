"""The rehearsal on a port of its own."""

import uvicorn

from arrivals.lab.rehearsal.app import make_app
from arrivals.lab.rehearsal.state import TEMPO, Tempo


async def serve(host: str, port: int, *, seed: int = 1, tempo: Tempo = TEMPO) -> None:
    """Serves until it is stopped. The CDN is the same port under the other name of the loopback: another origin."""
    origin = f"http://{host}:{port}"
    cdn_origin = f"http://{'127.0.0.1' if host == 'localhost' else 'localhost'}:{port}"
    app = make_app(origin=origin, cdn_origin=cdn_origin, seed=seed, tempo=tempo)
    await uvicorn.Server(uvicorn.Config(app, host, port, log_level="critical", lifespan="on")).serve()
