"""POST /callbacks/{provider}/{token}: the door for providers. Token, size, verification, commit, exactly 200."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from service.core.http import InboundWebhook
from service.flow.callback import UnknownToken
from service.flow.receive import receive_about
from service.flow.tools import Tools
from service.providers.catalog import PROVIDERS
from service.web.endpoint import body_of
from service.web.errors import problem_of

PATH = "/callbacks/{provider}/{token}"
_TAKEN: tuple[Message, Message] = (
    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
)


class _Challenge(msgspec.Struct, forbid_unknown_fields=True):
    """A provider that tests the address sends this alone and wants it back."""

    challenge: str


class Door:
    """An ASGI application and no endpoint: a request and a response object would cost more than all it does itself."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one webhook."""
        try:
            challenge = await self._take(scope, receive)
        except Exception as error:  # noqa: BLE001 - the one place where this door's errors become answers
            await problem_of(error).response()(scope, receive, send)
            return
        if challenge is not None:
            answer = Response(msgspec.json.encode(challenge), media_type="application/json")
            await answer(scope, receive, send)
            return
        for message in _TAKEN:
            await send(message)

    async def _take(self, scope: Scope, receive: Receive) -> _Challenge | None:
        provider, token = scope["path_params"]["provider"], scope["path_params"]["token"]
        if provider not in PROVIDERS:
            raise UnknownToken
        generation_id, account = self._tools.callbacks.open(provider, token)
        headers = _headers(scope)
        body = await body_of(headers.get("content-length"), receive, self._tools.limits.webhook_max_bytes)
        challenge = _challenge(body)
        if challenge is None:
            webhook = InboundWebhook(headers=headers, body=body)
            await receive_about(self._tools, provider, generation_id, account, webhook)
        return challenge


async def probe(request: Request) -> Response:
    """Some providers ask first; CloudEvents senders want to be allowed by name.

    Source: https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
    """
    origin = request.headers.get("webhook-request-origin")
    allowed = {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"} if origin else {}
    return Response(status_code=200, headers={"allow": "POST, OPTIONS", **allowed})


def routes(tools: Tools) -> list[Route]:
    """The callback routes."""
    return [Route(PATH, Door(tools), methods=["POST"]), Route(PATH, probe, methods=["OPTIONS"])]


def _headers(scope: Scope) -> dict[str, str]:
    """By lower-case name; a repeated one is joined, as RFC 9110 section 5.3 allows."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _challenge(body: bytes) -> _Challenge | None:
    if b"challenge" not in body:
        return None
    try:
        return msgspec.json.decode(body, type=_Challenge)
    except (msgspec.DecodeError, RecursionError):
        return None
