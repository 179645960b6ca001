"""The service that is to die: one nursery process, and the child of it that serves at the moment."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
import contextlib
from dataclasses import dataclass
import json
from pathlib import Path
import signal
import sys
from typing import Any

import httpx

from arrivals.lab.processes import NotReady
from arrivals.lab.torture.kill_switch import read_trail
from arrivals.lab.torture.loopback import request

READY_S = 60.0
END_S = 30.0
LOOK_EVERY_S = 0.01
TIMED_OUT_S = 10.0
REQUEST_FAILED = '"event": "request_failed"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The end of a child: its exit status (negative: the signal), and the point at which the tripwire ended it."""

    status: int
    point: str | None


class Victim:
    """A service on a port. `settings` are its environment; `preload` is the nursery's.

    `shorter`: waits that its case alone wants shorter.
    """

    def __init__(
        self,
        port: int,
        *,
        postgresql: bool,
        folder: Path,
        settings: Mapping[str, str],
        preload: Mapping[str, str],
        shorter: Sequence[tuple[str, str, float]] = (),
    ) -> None:
        self.name, self.port, self.url = f"service-{port}", port, f"http://127.0.0.1:{port}"
        self.points: set[str] = set()
        self.log = folder / f"{self.name}.log"
        self._trail_path = folder / f"{self.name}.points"
        self._kind = "postgresql" if postgresql else "sqlite"
        self._folder, self._settings, self._preload = folder, dict(settings), dict(preload)
        self._shorter = json.dumps([*shorter])
        self._counted: Counter[str] = Counter()  # in the lives before this one
        self._nursery: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[int] | None = None
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._client = httpx.AsyncClient(trust_env=False, timeout=TIMED_OUT_S)

    @property
    def lives(self) -> bool:
        """True while a child runs."""
        return self._ended is not None and not self._ended.done()

    async def open(self) -> None:
        """Starts the nursery. Raises NotReady."""
        command = [sys.executable, "-m", "arrivals.lab.torture.child", self._kind, self._shorter]
        with self.log.open("ab") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._preload,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        self._listening = asyncio.create_task(self._listen(self._nursery))
        await self._next()

    async def _listen(self, nursery: asyncio.subprocess.Process) -> None:
        if nursery.stdout is None:
            return
        async for line in nursery.stdout:
            message = json.loads(line)
            if "ended" in message and self._ended is not None:
                self._ended.set_result(message["ended"])
            else:
                self._messages.put_nowait(message)
        self._messages.put_nowait({"gone": True})

    async def _next(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self._messages.get(), READY_S)
        if "gone" in message:
            raise NotReady(f"{self.name} cannot be started:\n{self.last_lines()}")
        return message

    async def start(self, wanted: str | None = None, nth: int = 1, *, how: signal.Signals = signal.SIGKILL) -> None:
        """Starts a new child, which ends at the nth passing of the wanted point, or stands still there (SIGSTOP)."""
        self._counted += read_trail(self._trail_path).counts
        self._trail_path.unlink(missing_ok=True)
        self._ended = asyncio.get_running_loop().create_future()
        start = {
            "environment": {**self._settings, "ARRIVALS_PORT": str(self.port)},
            "log": str(self.log),
            "trail": str(self._trail_path),
            "wanted": wanted,
            "nth": nth,
            "how": int(how),
        }
        self._write({"start": start})
        await self._next()

    async def first_words(self, patience_s: float = READY_S) -> httpx.Response | None:
        """Returns its first answer to a readiness check; None when it ended, or says nothing in time."""
        give_up = asyncio.get_running_loop().time() + patience_s
        while self.lives and asyncio.get_running_loop().time() < give_up:
            with contextlib.suppress(httpx.HTTPError):
                return await request(self._client, "GET", f"{self.url}/health/ready")
            await asyncio.sleep(LOOK_EVERY_S)
        return None

    async def ready(self, patience_s: float = READY_S) -> bool:
        """Waits until everything can be stored; False when the child ended, or is not ready in time."""
        give_up = asyncio.get_running_loop().time() + patience_s
        while (left_s := give_up - asyncio.get_running_loop().time()) > 0 and self.lives:
            said = await self.first_words(left_s)
            if said is not None and said.is_success:
                return True
            await asyncio.sleep(LOOK_EVERY_S)
        return False

    async def start_ready(self) -> None:
        """Starts a new child without a tripwire and waits until it is ready. Raises NotReady."""
        await self.start()
        if not await self.ready():
            raise NotReady(f"{self.name} did not come up:\n{self.last_lines()}")

    def signal(self, number: signal.Signals) -> None:
        """Sends the child a signal; nothing happens when it has ended."""
        if self.lives:
            self._write({"signal": int(number)})

    async def ended(self, patience_s: float = END_S) -> Death | None:
        """Waits for the child to end, and returns how; None if it lives on for so long."""
        if self._ended is None:
            return None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._ended), patience_s)
        if not self._ended.done():
            return None
        trail = read_trail(self._trail_path)
        self.points.update(trail.points)
        return Death(status=self._ended.result(), point=trail.died_at)

    async def stands_still(self, patience_s: float) -> bool:
        """Waits until it stands still at the wanted point; False when it does not in time."""
        give_up = asyncio.get_running_loop().time() + patience_s
        while self.lives and asyncio.get_running_loop().time() < give_up:
            if read_trail(self._trail_path).stood_still_at is not None:
                return True
            await asyncio.sleep(LOOK_EVERY_S)
        return False

    async def kill(self) -> Death | None:
        """Sends SIGKILL: it ends without any cleanup."""
        self.signal(signal.SIGKILL)
        return await self.ended()

    def look(self) -> set[str]:
        """Returns the points that all children have passed so far."""
        self.points.update(read_trail(self._trail_path).points)
        return self.points

    def counted(self) -> Counter[str]:
        """Returns what all children have counted so far."""
        return self._counted + read_trail(self._trail_path).counts

    async def close(self) -> None:
        """Ends the child and the nursery."""
        await self._client.aclose()
        if self._nursery is None:
            return
        if self._nursery.stdin is not None:
            self._nursery.stdin.close()
        try:
            await asyncio.wait_for(self._nursery.wait(), END_S)
        except TimeoutError:
            self._nursery.kill()
            await self._nursery.wait()
        if self._listening is not None:
            await self._listening
        self._nursery = None

    def broken(self) -> Counter[str]:
        """Counts the requests that, by its log, it failed to answer, by their causes."""
        failures: Counter[str] = Counter()
        for line in self.log.read_text(errors="replace").splitlines() if self.log.exists() else ():
            if REQUEST_FAILED in line:
                causes = json.loads(line)["exception"]
                failures["; ".join(f"{cause['exc_type']}: {cause['exc_value']}"[:300] for cause in causes)] += 1
        return failures

    def last_lines(self) -> str:
        """Returns the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]) if self.log.exists() else ""

    def _write(self, wish: Mapping[str, Any]) -> None:
        if self._nursery is None or self._nursery.stdin is None:
            raise NotReady(f"{self.name} was not opened")
        self._nursery.stdin.write(json.dumps(wish).encode() + b"\n")
