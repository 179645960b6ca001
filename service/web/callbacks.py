"""POST /callbacks/{provider}/{token}: the door for providers. Token, size, verification, commit, exactly 200."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.http import InboundWebhook, joined
from service.core.wire import from_json
from service.flow.callback import UnknownToken
from service.flow.receive import receive_about
from service.flow.tools import Tools
from service.providers.catalog import PROVIDERS
from service.web.errors import problem_of
from service.web.intake import body_of

PREFIX = "/callbacks/"
_STATUS: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_NO_BODY: Message = {"type": "http.response.body", "body": b""}


class _Challenge(msgspec.Struct, forbid_unknown_fields=True):
    """A provider that tests the address sends this alone and wants it back."""

    challenge: str


class Door:
    """An ASGI application in front of the others: a webhook costs what it must, and passes by all they would add."""

    def __init__(self, tools: Tools, others: ASGIApp) -> None:
        self._tools, self.others = tools, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a webhook; anything else goes to the others."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PREFIX):
            await self.others(scope, receive, send)
            return
        provider, slash, token = scope["path"][len(PREFIX) :].partition("/")
        if not slash or not provider or not token or "/" in token:
            await self.others(scope, receive, send)
            return
        try:
            challenge = await self._take(provider, token, scope, receive)
        except Exception as error:  # noqa: BLE001 - the one place where this door's errors become answers
            await problem_of(error).response()(scope, receive, send)
            return
        if challenge is not None:
            answer = Response(msgspec.json.encode(challenge), media_type="application/json")
            await answer(scope, receive, send)
            return
        await send(_STATUS)
        await send(_NO_BODY)

    async def _take(self, provider: str, token: str, scope: Scope, receive: Receive) -> _Challenge | None:
        if provider not in PROVIDERS:
            raise UnknownToken
        generation_id, account = self._tools.callbacks.open(provider, token)
        headers = _headers(scope["headers"])
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


def routes() -> list[Route]:
    """What the path takes besides webhooks."""
    return [Route(PREFIX + "{provider}/{token}", probe, methods=["OPTIONS", "POST"])]


def _headers(told: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name, which ASGI promises in lower case."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in told}
    if len(headers) == len(told):
        return headers
    return joined((name.decode("latin-1"), value.decode("latin-1")) for name, value in told)


def _challenge(body: bytes) -> _Challenge | None:
    if b"challenge" not in body:
        return None
    try:
        told: _Challenge = from_json(body, _Challenge)
    except ValueError:
        return None
    return told
