"""A scripted provider: it gives the answers of a test, and keeps the requests that it received."""

from collections.abc import Callable
from dataclasses import dataclass, field
import json

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

CUT = "cut"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that the provider received."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Upstream:
    """`answers` are used up in order: (HTTP status, JSON value or bytes, headers), a status, or CUT.

    `answer_by_path` answers by the path instead. Without an answer left, everything is answered 500 with a body that
    names the request, so that a test fails at the reason.
    """

    url: str = ""
    answers: list = field(default_factory=list)
    requests: list[ReceivedRequest] = field(default_factory=list)
    answer_by_path: Callable | None = None

    async def answer(self, request):
        """The one route."""
        body = await request.body()
        self.requests.append(ReceivedRequest(request.method, request.url.path, dict(request.headers), body))
        if self.answer_by_path is not None:
            self.answers = [self.answer_by_path(request.url.path)]
        if not self.answers:
            return Response(f"unexpected {request.method} {request.url.path}", 500)
        answer = self.answers.pop(0)
        if callable(answer):
            return answer
        if answer == CUT:
            return _Cut()
        http_status, value, headers = (*answer, {}) if isinstance(answer, tuple) and len(answer) == 2 else (
            answer if isinstance(answer, tuple) else (answer, b"", {})
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
