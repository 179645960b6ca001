"""An endpoint as data: method, path, scope, what it takes and answers. Routes and OpenAPI are both made from it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
import re
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from service.core.wire import from_json
from service.flow.tools import Tools
from service.store.keys import ApiKey
from service.web.auth import Gate, Scope
from service.web.errors import FieldError, Problem, from_validation, problem_of

S = TypeVar("S")

DEEPEST = 64  # levels of nesting; what is stored must also be read by everybody who lists it
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
BODY_MAX_BYTES = 64 * 1024 * 1024  # an order may inline images
KEY_OF_NOBODY = ApiKey(id="key_none", name="nobody", scopes=(), created_at=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a handler sees it: already admitted, its query and body already validated."""

    tools: Tools
    key: ApiKey
    request: Request
    query: Any
    body: Any

    def path(self, name: str) -> str:
        """A value of the path."""
        value: str = self.request.path_params[name]
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`query` and `body` are msgspec structs; `answers` maps a status to the type of its body (None: no JSON body)."""

    method: str
    path: str
    summary: str
    handle: Callable[[Call], Awaitable[Response]]
    answers: Mapping[int, Any]
    scope: Scope | None = None
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # request headers it heeds: what for


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, headers=dict(headers or {}), media_type="application/json")


def page_response(found: Sequence[Any], limit: int, show: Callable[[Any], Any]) -> Response:
    """A page of things with an `id`, of which one more than `limit` was looked for: `next` is null on the last page."""
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return json_response({"data": [show(one) for one in page], "next": following})


def routes(endpoints: Sequence[Endpoint], gate: Gate) -> list[Route]:
    """The endpoints as Starlette serves them: one route a path, so that a wrong method is told all the right ones."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(path, methods, gate) for path, methods in by_path.items()]


def _route(path: str, methods: Mapping[str, Endpoint], gate: Gate) -> Route:
    async def serve(request: Request) -> Response:
        endpoint = methods["GET" if request.method == "HEAD" else request.method]
        try:
            key = KEY_OF_NOBODY
            if endpoint.scope is not None:
                key = await gate.admit(request.headers.get("authorization"), endpoint.scope)
            call = Call(
                tools=gate.tools,
                key=key,
                request=request,
                query=_query(request, endpoint.query),
                body=await _body(request, endpoint.body),
            )
            return await endpoint.handle(call)
        except Exception as error:  # noqa: BLE001 - the one place where errors become answers
            return problem_of(error).response()

    return Route(path, serve, methods=list(methods))


def _query(request: Request, shape: type[S] | None) -> S | None:
    if shape is None:
        return None
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        raise from_validation(error) from error


async def _body(request: Request, shape: type[S] | None) -> S | None:
    if shape is None:
        return None
    content = await body_of(request.headers.get("content-length"), request.receive, BODY_MAX_BYTES)
    try:
        if _depth(content) > DEEPEST:
            detail = f"the body is nested more than {DEEPEST} levels deep"
            raise Problem(400, "invalid_json", detail, [FieldError("$", detail)])
        read: S = from_json(content or b"{}", shape)
    except ValueError as error:
        raise from_validation(error) from error
    return read


def _depth(content: bytes) -> int:
    """How many brackets stand open at once, outside strings."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


async def body_of(declared: str | None, receive: Receive, most: int) -> bytes:
    """The body; one larger than `most` bytes is refused before it is read, or once it shows.

    `declared`: the content-length it came with. Raises Problem (413), ClientDisconnect.
    """
    if declared is not None and declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> Problem:
    return Problem(413, "too_large", f"the body is larger than {most} bytes", headers={"connection": "close"})
