"""An endpoint as data: method, path, scope, input and answers. Routes and OpenAPI are both made from it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
import structlog

from arrivals.core.api_key import ApiKey, Scope
from arrivals.flow.context import Context
from arrivals.flow.off_loop import run_off_loop
from arrivals.store.engine.pages import Page
from arrivals.web.auth import Authenticator
from arrivals.web.errors import Problem, problem_of
from arrivals.web.held_requests import HeldRequests
from arrivals.web.request_body import FILES_MAX_BYTES, PLAIN_MAX_BYTES, body_of
from arrivals.web.traced import note_key, note_route
from arrivals.web.validation import body_or_problem, read_query

log = structlog.get_logger()


class Streaming(StreamingResponse):
    """An answer in parts; `drop` releases its source where it is not sent after all."""

    def __init__(self, parts: AsyncIterator[bytes], drop: Callable[[], Awaitable[None]], **options: Any) -> None:
        super().__init__(parts, **options)
        self.drop = drop


ANONYMOUS_KEY = ApiKey(id="key_none", name="nobody", scopes=(), created_at=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as its handler sees it: already admitted, its query and body validated."""

    context: Context
    key: ApiKey
    request: Request
    query: Any
    body: Any
    holds: HeldRequests

    def hold(self) -> Callable[[], None]:
        """Counts the request as held open. Returns the function that ends it. Raises Problem (429)."""
        return self.holds.hold(self.key.owner, address_of(self.request), admin=Scope.ADMIN in self.key.scopes)

    def location(self, *parts: str) -> dict[str, str]:
        """The header `Location` of what was made, as callers reach it: below the path of the public URL."""
        below = urlsplit(self.context.callback_urls.public_url or "").path
        return {"location": "/".join((below, "v1", *parts))}

    def path(self, name: str) -> str:
        """A parameter of the path."""
        value: str = self.request.path_params[name]
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """An answer whose body is no struct, for the OpenAPI document; without media types it has no body."""

    description: str
    media_types: tuple[str, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`operation` names it in the OpenAPI document and in the audit log.

    `tag`, `summary` and `description` are for the readers of the document. `query` and `body` are msgspec structs;
    `answers` maps a status to the type of its JSON body, or to a Content.

    In a path, `{id}` is the id of something that must exist.
    """

    method: str
    path: str
    operation: str
    tag: str
    summary: str
    description: str
    handle: Callable[[Call], Awaitable[Response]]
    answers: Mapping[int, Any]
    scope: Scope | None = None
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    files: bool = False  # its body may carry files, in long strings
    headers: Mapping[str, str] = field(default_factory=dict)  # request headers that it reads: their purpose
    answer_headers: Mapping[str, str] = field(default_factory=dict)  # of its successful answers
    refuses: tuple[int, ...] = ()  # further error statuses; those of its scope, path, query and body are implied

    @property
    def administrative(self) -> bool:
        """True where it changes how the service works, so that the log names the caller."""
        return self.scope is Scope.ADMIN and self.method != "GET"


def address_of(request: Request) -> str:
    """The caller's address; a trusted proxy states it for others."""
    return request.client.host if request.client else ""


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, headers=dict(headers or {}), media_type="application/json")


def page_response(page: Page[Any], show: Callable[[Any], Any]) -> Response:
    """A page of items with an `id`; `next` is null on the last page."""
    following = page.items[-1].id if page.more else None
    return json_response({"data": [show(item) for item in page.items], "next": following})


def routes(endpoints: Sequence[Endpoint], authenticator: Authenticator) -> list[Route]:
    """The endpoints as routes, one for each path, so that the answer to a wrong method lists all the right ones."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(path, methods, authenticator) for path, methods in by_path.items()]


def _route(path: str, methods: Mapping[str, Endpoint], authenticator: Authenticator) -> Route:
    async def serve(request: Request) -> Response:
        note_route(request.scope, request.method, path)
        answer = await answered(request)
        return await headers_alone(answer) if request.method == "HEAD" else answer

    async def answered(request: Request) -> Response:
        endpoint = methods["GET" if request.method == "HEAD" else request.method]
        try:
            key = ANONYMOUS_KEY
            if endpoint.scope is not None:
                key = await authenticator.authenticate(
                    request.headers.get("authorization"), endpoint.scope, address_of(request)
                )
                note_key(key.id)
            call = Call(
                context=authenticator.context,
                key=key,
                request=request,
                query=endpoint.query and read_query(request.query_params.multi_items(), endpoint.query),
                body=await _body(request, endpoint),
                holds=authenticator.holds,
            )
            answer = await endpoint.handle(call)
        except Exception as error:  # noqa: BLE001 - the one place where errors become answers
            return problem_of(error).response()
        if endpoint.administrative:
            _audit(endpoint, call, answer)
        return answer

    return Route(path, serve, methods=list(methods))


async def headers_alone(answer: Response) -> Response:
    """The answer to a HEAD request: the body is not even begun, or a stream would have no end."""
    if isinstance(answer, Streaming):
        await answer.drop()
    alone = Response(status_code=answer.status_code)
    alone.raw_headers = answer.raw_headers
    return alone


def _audit(endpoint: Endpoint, call: Call, answer: Response) -> None:
    """Logs the caller, the operation and its subject."""
    made = answer.headers.get("location", "").rpartition("/")[2]
    log.info(
        "audit",
        operation=endpoint.operation,
        key_id=call.key.id,
        subject=call.request.path_params.get("id") or made or None,
    )


async def _body(request: Request, endpoint: Endpoint) -> Any:
    if endpoint.body is None:
        return None
    max_bytes = FILES_MAX_BYTES if endpoint.files else PLAIN_MAX_BYTES
    content = await body_of(request.headers.get("content-length"), request.receive, max_bytes)
    read = await run_off_loop(len(content), partial(body_or_problem, content, endpoint.body))
    if isinstance(read, Problem):
        # An error and the frame that raised it keep each other alive until the next garbage collection, which is rare
        # here, and with them everything else in that frame.
        del content
        raise read
    return read
