"""The other side of the wire, scripted: answers what it was told to, keeps what it was asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
import json

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

CUT = "cut"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that came."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        """Its body."""
        return json.loads(self.body)


@dataclass(slots=True)
class Upstream:
    """`answers` are used up in order: (HTTP status, JSON value or bytes, headers), a status, or CUT.

    `told_by_path` answers by the path instead. Without one left, everything is answered 500 with a body that names the
    request, so that a test fails at the reason.
    """

    url: str = ""
    answers: list = field(default_factory=list)
    requests: list[ReceivedRequest] = field(default_factory=list)
    told_by_path: Callable | None = None

    async def answer(self, request):
        """The one route."""
        body = await request.body()
        self.requests.append(ReceivedRequest(request.method, request.url.path, dict(request.headers), body))
        if self.told_by_path is not None:
            self.answers = [self.told_by_path(request.url.path)]
        if not self.answers:
            return Response(f"unexpected {request.method} {request.url.path}", 500)
        told = self.answers.pop(0)
        if callable(told):
            return told
        if told == CUT:
            return _Cut()
        http_status, value, headers = (*told, {}) if isinstance(told, tuple) and len(told) == 2 else (
            told if isinstance(told, tuple) else (told, b"", {})
        )  # fmt: skip
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Response(content, http_status, headers={"content-type": "application/json", **headers})

    @property
    def app(self):
        """The ASGI application."""
        methods = ["GET", "POST", "PUT", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=methods)])


class _Cut:
    """Promises a body and breaks off: uvicorn closes the connection, and nobody knows what was done."""

    async def __call__(self, scope, receive, send):
        """Begin, and return without an end."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
