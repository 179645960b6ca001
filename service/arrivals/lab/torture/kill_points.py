"""Fastens the tripwire: to the verbs of the database and of the transport, to the desk, to the other answers.

The only place of the lab that reaches into the service, and only from within the process that is to die. It names what
it wraps by import path and looks it up when the service is imported, so no part of the service knows of it, and the
service that is tortured is the one that is shipped: no door of it is replaced, so webhooks come in as they always do. A
seam that is no longer there is an error, never a silent gap.

A point is named after the function of the flow, the doors or the store that is at it, then after what it is about to do
or has done: `settle._settle before commit`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
import sqlite3
import sys
from types import FrameType
from typing import Any, TypeAlias

from msgspec.structs import replace as replaced

from arrivals.lab.torture.kill_switch import Tripwire

SQLITE, POSTGRESQL = "arrivals.store.engine.sqlite", "arrivals.store.engine.postgres"
ROOMS = ("arrivals.flow.", "arrivals.web.", "arrivals.workers.", "arrivals.store.engine.migrate")
PLAIN_CALLS, STREAMED_CALLS = ("send", "submit", "get_json", "deliver"), ("fetch", "stream")
KEPT = 200  # of a webhook; any other answer promises nothing
STREAMED = "sense"  # the route that is answered in a stream
LEFT_S = 0.005  # what was answered is written at the end of the loop's turn, or a few turns later, and has left by then
PROMISING = frozenset({"POST", "PUT", "PATCH", "DELETE"})  # the answer to a question promises nothing
Wait: TypeAlias = tuple[str, str, float]  # module, name, value
# Waits that only cost time, in seconds: what a dead process had claimed is taken over sooner, so races come oftener.
SHORTER: tuple[Wait, ...] = (
    ("arrivals.flow.observation.poll", "LEASE_S", 4.0),
    ("arrivals.flow.observation.expire", "LEASE_S", 4.0),
    ("arrivals.flow.admin.replay", "LEASE_S", 4.0),
    ("arrivals.flow.admin.prune", "EVERY", 1_000_000),  # microseconds
    ("arrivals.flow.submission.submit", "ANSWER_WITHIN_S", 20.0),
    ("arrivals.flow.submission.submit", "STALE", 2_000_000),  # microseconds
)
DELIVERY_TIMEOUT_S = 2.0  # half of a delivery's lease
PRUNE_REST_S = 1.0


def fasten(tripwire: Tripwire, *, postgresql: bool) -> None:
    """Puts the tripwire around every seam. To be done before the command line imports them."""
    databases = [(SQLITE, "SqliteDatabase"), *([(POSTGRESQL, "PostgresDatabase")] if postgresql else [])]
    for module, name in databases:
        database = getattr(import_module(module), name)
        database.transaction = _block(tripwire, database.transaction, "commit", "commit")
        database.script = _call(tripwire, database.script, "script")
    for room, verb, claimed in (("submission", "submit", _order), ("delivery", "deliver", _delivery)):
        flow = import_module(f"arrivals.flow.{room}.{verb}")
        setattr(flow, verb, _begun(tripwire, getattr(flow, verb), claimed))
    transport = import_module("arrivals.outbound.transport").Transport
    for verb in PLAIN_CALLS:
        setattr(transport, verb, _call(tripwire, getattr(transport, verb), f"transport.{verb}"))
    for verb in STREAMED_CALLS:
        setattr(transport, verb, _opened(tripwire, getattr(transport, verb), f"transport.{verb}"))
    handler: Any = import_module("arrivals.web.callbacks").CallbackHandler
    handler.accept = _accept(tripwire, handler.accept)
    app: Any = import_module("arrivals.web.app")
    app.make_app = _app(tripwire, app.make_app)
    sqlite3.connect = partial(sqlite3.connect, factory=_connection(tripwire))  # type: ignore[assignment]


def hasten(further: Iterable[Wait] = ()) -> None:
    """Shortens waits that only cost time; `further` are those of a single case. Raises LookupError."""
    shorten((*SHORTER, *further))
    assembly: Any = import_module("arrivals.assembly")
    assembly.Limits = partial(assembly.Limits, delivery_timeout_s=DELIVERY_TIMEOUT_S)
    import_module("arrivals.workers.roster").RESTS_S["prune"] = PRUNE_REST_S


def shorten(waits: Iterable[Wait]) -> None:
    """Gives these waits their values. Raises LookupError for a wait that does not exist."""
    for module, name, value in waits:
        imported = import_module(module)
        if not hasattr(imported, name):
            raise LookupError(f"{module} has no {name}")
        setattr(imported, name, value)


def place() -> str:
    """Returns the nearest caller in one of the rooms, as `module.function`."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the interpreter's own way to ask
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(ROOMS):
            return f"{module.rpartition('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "somebody"


def _block(tripwire: Tripwire, inner: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    def opened(*arguments: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        return _watched(
            tripwire, inner(*arguments, **options), f"{place()} before {before}", f"{place()} after {after}"
        )

    return opened


@asynccontextmanager
async def _watched(
    tripwire: Tripwire, block: AbstractAsyncContextManager[Any], before: str, after: str
) -> AsyncIterator[Any]:
    async with block as inside:
        yield inside
        tripwire.passed(before)
    tripwire.passed(after)


def _call(tripwire: Tripwire, inner: Callable[..., Awaitable[Any]], what: str) -> Callable[..., Awaitable[Any]]:
    def called(*arguments: Any, **options: Any) -> Awaitable[Any]:
        return _between(tripwire, inner(*arguments, **options), f"{place()} before {what}", f"{place()} after {what}")

    return called


async def _between(tripwire: Tripwire, call: Awaitable[Any], before: str, after: str) -> Any:
    tripwire.passed(before)
    answer = await call
    tripwire.passed(after)
    return answer


def _begun(
    tripwire: Tripwire, inner: Callable[..., Awaitable[Any]], claimed: Callable[[Any], str]
) -> Callable[..., Awaitable[Any]]:
    """Wraps what is done with a claimed item; `claimed` names the item."""

    async def begun(context: Any, item: Any) -> Any:
        tripwire.passed(f"{claimed(item)} is claimed")
        return await inner(context, item)

    return begun


def _order(group: Any) -> str:
    """Names an order by how its answer comes: streams are waited for much longer than any other."""
    if group[0].generation.route == STREAMED:
        return "an order of a stream"
    return "an order that is called back about" if group[0].generation.webhook_expected else "an order without webhooks"


def _delivery(_delivery: Any) -> str:
    return "a delivery"


def _opened(tripwire: Tripwire, inner: Callable[..., Any], what: str) -> Callable[..., Any]:
    def opened(*arguments: Any, **options: Any) -> AbstractAsyncContextManager[Any]:
        return _reading(tripwire, inner(*arguments, **options), f"{place()} {{}} {what}")

    return opened


@asynccontextmanager
async def _reading(tripwire: Tripwire, reply: AbstractAsyncContextManager[Any], point: str) -> AsyncIterator[Any]:
    tripwire.passed(point.format("before"))
    async with reply as streamed:
        tripwire.passed(point.format("after the head of"))
        yield replace(streamed, body=_parts(tripwire, streamed.body, point.format("after a part of")))


async def _parts(tripwire: Tripwire, body: AsyncIterator[bytes], point: str) -> AsyncIterator[bytes]:
    async for chunk in body:
        tripwire.passed(point)
        yield chunk


def _accept(tripwire: Tripwire, accept: Callable[..., None]) -> Callable[..., None]:
    """Wraps the desk at which every webhook is accepted; those that are kept are counted by the way they came in."""

    def accepted(handler: Any, webhook: Any) -> None:
        point, inner = f"webhook ({webhook.way})", webhook.answer

        def answer(response: Any) -> None:
            if response.status_code != KEPT:
                inner(response)
                return
            tripwire.count(webhook.way)
            tripwire.passed(f"{point} after keep before the answer")
            inner(response)
            asyncio.get_running_loop().call_later(LEFT_S, tripwire.passed, f"{point} after the answer")

        tripwire.passed(f"{point} before keep")
        accept(handler, replaced(webhook, answer=answer))

    return accepted


def _app(tripwire: Tripwire, make: Callable[..., Any]) -> Callable[..., Any]:
    """Adds points around the answers that promise something, behind the application's door, which stays as it is."""

    def made(*arguments: Any, **options: Any) -> Any:
        door = make(*arguments, **options)
        inner = door.others

        async def others(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["method"] not in PROMISING:
                await inner(scope, receive, send)
                return

            async def sending(message: Any) -> None:
                if message["type"] == "http.response.start":
                    tripwire.passed(f"{_route(scope)} before answer")
                await send(message)
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    tripwire.passed(f"{_route(scope)} after answer")

            await inner(scope, receive, sending)

        door.others = others
        return door

    return made


def _route(scope: Any) -> str:
    """Returns the method, and the path with the names of its parameters."""
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}")
    return f"{scope['method']} {path}"


def _connection(tripwire: Tripwire) -> type[sqlite3.Connection]:
    """Makes SQLite's connection, with points at a COMMIT that many blocks share: before it and before they know."""

    class Connection(sqlite3.Connection):
        """A connection with points."""

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            """Runs a statement."""
            shared = sql == "COMMIT"
            if shared:
                tripwire.passed("shared commit before it is made")
            cursor = super().execute(sql, *values)
            if shared:
                tripwire.passed("shared commit before anybody is told")
            return cursor

    return Connection
