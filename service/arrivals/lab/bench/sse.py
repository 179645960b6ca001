"""Events to very many readers of the stream at once, beside a bare uvicorn that streams the same bytes to as many."""

import asyncio
from dataclasses import dataclass
from math import ceil
import re
from time import perf_counter, process_time

from arrivals.lab.bench import machine
from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.ceilings import bare_server
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.figures import Case, Figures, between, in_ms, ratio
from arrivals.lab.bench.flow import ANNOUNCED, Key
from arrivals.lab.bench.load import Job, Load, Tally
from arrivals.lab.bench.readers import Reader, opened
from arrivals.lab.bench.seed_data import sample

CONNECTIONS = 8
SAMPLED = 50  # one reader in so many tells how late each event is
TICK_S = 0.005
STALLED_S = 20.0
SPARE_FILES = 512
CEILING_S = 5.0
OPENING_S = 10.0  # for all readers to connect while some are written to already
CEILING = "bare uvicorn streaming events of the same size to as many readers, unpaced"
EVENT = re.compile(rb'event: ([a-z.]+)\n.*?"external_id":"([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Sse:
    """`events_per_s` webhooks are posted a second, and each is announced; two for each of the generations."""

    rounds: int = 1
    seconds: float = 15.0
    readers: int = 1_000
    events_per_s: int = 200

    async def measure(self, bench: Bench) -> list[Case]:
        """Measures latency from the webhook sent to the event read; throughput counts every event at every reader."""
        machine.allow_files(2 * self.readers + SPARE_FILES)
        case = Case("sse")
        for number in range(self.rounds):
            at = f"round {number + 1} of {self.rounds}"
            async with bench.stage() as stage:
                bench.screen.phase(f"{at}: ordering {self._generations} generations")
                await stage.start()
                await stage.order(self._generations)
                bench.screen.phase(f"{at}: {self.readers} readers connect, then webhooks come")
                figures = await self._round(stage, bench)
                size = len(sample(stage, "events")["body"].encode())
            bench.screen.phase(f"{at}: bare uvicorn")
            async with bare_server(bench.folder) as bare:
                ceiling = await self._ceiling(bare, size)
            case.add(figures, ceiling)
        return [case]

    @property
    def _generations(self) -> int:
        return ceil(self.seconds * self.events_per_s / len(ANNOUNCED))

    async def _round(self, stage: Stage, bench: Bench) -> Figures:
        lags, tally, sent = list[float](), Tally(), dict[Key, float]()

        def heard(events: bytes, now: float) -> None:
            for word, external_id in EVENT.findall(events):
                lags.append(now - sent[external_id.decode(), ANNOUNCED[word]])

        request = stage.asking("/v1/events/stream?after=0")
        readers = await opened(stage.port, request, self.readers, heard, SAMPLED)
        began, spent, busy = perf_counter(), stage.cpu_s(), process_time()
        try:
            with bench.screen.following(lambda: f"{min(reader.position for reader in readers)} events read by all"):
                await self._announce(stage, tally, sent)
                await stage.until(
                    lambda: all(reader.position >= tally.ok for reader in readers),
                    lambda: sum(reader.read for reader in readers),
                    STALLED_S,
                )
        finally:
            for reader in readers:
                reader.close()
        took, now = max(reader.last_at for reader in readers) - began, stage.cpu_s()
        with stage.books() as books:
            events = books.count("events")
        read = sum(reader.read for reader in readers)
        return {
            "per_second": ratio(read, took),
            **in_ms(lags),
            "cpu_s_per_item": ratio(between(spent, now), read),
            "peak_rss_mb": stage.peak_rss_mb(),
            "lost": max(0, tally.ok - events),
            "skipped": sum(reader.skipped + max(0, events - reader.position) for reader in readers),
            "doubled": sum(reader.doubled for reader in readers),
            "errors": tally.errors,
            "items": events,
            "events_per_s": ratio(tally.ok, tally.ended - began),
            "generator_busy": ratio(process_time() - busy, took),
        }

    async def _announce(self, stage: Stage, tally: Tally, sent: dict[Key, float]) -> None:
        """Sends webhooks at an even pace; a generation's second goes out after the first of all generations."""
        keys = [(*ordered, word) for word in ANNOUNCED.values() for ordered in stage.provider.callbacks]
        began, loop = perf_counter(), asyncio.get_running_loop()

        def take() -> Job | None:
            if tally.sent >= len(keys) or perf_counter() < began + tally.sent / self.events_per_s:
                return None
            external_id, url, word = keys[tally.sent]
            tally.sent += 1
            sent[external_id, word] = perf_counter()
            return external_id, stage.webhook(external_id, url, word)

        load = Load(take, tally.answered)
        try:
            await load.open(stage.ports, CONNECTIONS)
            while tally.sent < len(keys) or load.in_flight:
                stage.check()
                due = loop.time() + TICK_S
                load.wake()
                await asyncio.sleep(max(0.0, due - loop.time()))
        finally:
            load.close()

    async def _ceiling(self, port: int, size: int) -> Figures:
        seconds = min(CEILING_S, self.seconds)
        request = f"GET /stream/{seconds + OPENING_S}/{size} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
        readers: list[Reader] = []
        began = perf_counter()
        try:
            readers = await opened(port, request, self.readers, lambda _events, _now: None, self.readers)
            began, before = perf_counter(), sum(reader.read for reader in readers)
            await asyncio.sleep(seconds)
            read = sum(reader.read for reader in readers) - before
            return {"what": CEILING, "per_second": read / (perf_counter() - began)}
        finally:
            for reader in readers:
                reader.close()
