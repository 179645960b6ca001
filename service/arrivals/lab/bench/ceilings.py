"""The fastest that this machine could do in a benchmark's place, measured in the same run."""

import asyncio
from collections.abc import AsyncIterator
import contextlib
import os
from pathlib import Path
import sys

import msgspec

from arrivals.lab.bench import wire
from arrivals.lab.bench.environment import whole
from arrivals.lab.bench.figures import Figures
from arrivals.lab.bench.raw_servers import Door, Receiver
from arrivals.lab.processes import Process, free_port

CLIENT = "the bare HTTP client (httpx over aiohttp's connections, uvloop) to the same receiver"
SERVER = "bare uvicorn (uvloop, httptools), which reads the body and answers 200"


async def bare_client(count: int, concurrency: int, size: int, pool: str = "aiohttp") -> Figures:
    """Measures `count` posts of `size` bytes, `concurrency` of them under way at once."""
    door = Door(Receiver(wire.NO_CONTENT).answer)
    await door.open()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "arrivals.lab.bench.bare_client"),
        *(door.url + "/hook", str(count), str(concurrency), str(size), pool),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        await door.close()
    figures: Figures = msgspec.json.decode(output)
    return {"what": CLIENT, **figures}


@contextlib.asynccontextmanager
async def bare_server(folder: Path) -> AsyncIterator[int]:
    """The port of a bare server in a process of its own."""
    port = free_port()
    process = Process("bare-server", ["arrivals.lab.bench.bare_server", str(port)], os.environ, folder)
    try:
        await whole(process.start, f"http://127.0.0.1:{port}/")
        yield port
    finally:
        process.kill()
