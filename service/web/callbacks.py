"""POST /callbacks/{provider}/{token}: the door for providers. Token, size, verification, commit, exactly 200."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
import re
from typing import TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.core.http import InboundWebhook, joined
from service.core.wire import from_json
from service.flow.callback import UnknownToken
from service.flow.receive import receive_about, receive_soon
from service.flow.tools import Tools
from service.providers.catalog import PROVIDERS
from service.store.observations import StoredWebhook
from service.web.errors import CLOSES, problem_of
from service.web.intake import body_of, too_large

PREFIX = "/callbacks/"
KEPT = Response()
_CHALLENGE = re.compile(rb'\s*{\s*"challenge"')

Answer: TypeAlias = Callable[[Response], None]


class _Challenge(msgspec.Struct, forbid_unknown_fields=True):
    """A provider that tests the address sends this alone and wants it back."""

    challenge: str


class Letter(msgspec.Struct, frozen=True):
    """A whole webhook as it was parsed; `answer` is called when it is kept, or refused."""

    provider: str
    token: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    answer: Answer


def addressed(url: bytes) -> tuple[str, str] | None:
    """(provider, token) of the URL of a callback as we hand it out; None for any other."""
    address = url.decode("latin-1")
    provider, _, token = address[len(PREFIX) :].partition("/")
    if not address.startswith(PREFIX) or not provider or not token or "/" in token or "?" in token or "%" in address:
        return None
    return provider, token


class Door:
    """An ASGI application in front of the others: a webhook costs what it must, and passes by all they would add.

    Letters that come at one moment are opened together: the same few steps for each cost half as much in a row.
    """

    def __init__(self, tools: Tools, others: ASGIApp) -> None:
        self._tools, self.others = tools, others
        self._letters: list[Letter] = []

    def put(self, letter: Letter) -> None:
        """Take a webhook that came whole (`doorstep.py`)."""
        if not self._letters:
            asyncio.get_running_loop().call_soon(self._open_all)
        self._letters.append(letter)

    def _open_all(self) -> None:
        letters, self._letters = self._letters, []
        for letter in letters:
            try:
                self._open(letter)
            except Exception as error:  # noqa: BLE001 - one of the two places where errors become answers
                _tell(letter.answer, error)

    def _open(self, letter: Letter) -> None:
        tools, body = self._tools, letter.body
        generation_id, account = self._of_whom(letter.provider, letter.token)
        if len(body) > tools.limits.webhook_max_bytes:
            raise too_large(tools.limits.webhook_max_bytes)
        challenge = _challenge(body)
        if challenge is not None:
            letter.answer(_echo(challenge))
            return
        webhook = InboundWebhook(headers=_headers(letter.headers), body=body)
        receive_soon(tools, letter.provider, generation_id, account, webhook, partial(_tell, letter.answer))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a webhook that the doorstep left; anything else goes to the others."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PREFIX):
            await self.others(scope, receive, send)
            return
        provider, slash, token = scope["path"][len(PREFIX) :].partition("/")
        if not slash or not provider or not token or "/" in token:
            await self.others(scope, receive, send)
            return
        try:
            answer = await self._take(provider, token, scope, receive)
        except Exception as error:  # noqa: BLE001 - the other place where errors become answers
            answer = problem_of(error).response()
        await answer(scope, receive, send)

    async def _take(self, provider: str, token: str, scope: Scope, receive: Receive) -> Response:
        generation_id, account = self._of_whom(provider, token)
        headers = _headers(scope["headers"])
        body = await body_of(headers.get("content-length"), receive, self._tools.limits.webhook_max_bytes)
        challenge = _challenge(body)
        if challenge is not None:
            return _echo(challenge)
        await receive_about(self._tools, provider, generation_id, account, InboundWebhook(headers=headers, body=body))
        return KEPT

    def _of_whom(self, provider: str, token: str) -> tuple[str, str]:
        """(generation id, account)."""
        if provider not in PROVIDERS:
            raise UnknownToken
        return self._tools.callbacks.open(provider, token)


def _tell(answer: Answer, result: StoredWebhook | BaseException) -> None:
    try:
        told = problem_of(result).response() if isinstance(result, BaseException) else KEPT
    except Exception:  # noqa: BLE001 - the log cannot be written; whoever waits is answered nonetheless
        told = Response(status_code=500, headers=CLOSES)
    answer(told)


def _echo(challenge: _Challenge) -> Response:
    return Response(msgspec.json.encode(challenge), media_type="application/json")


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
    if not _CHALLENGE.match(body):
        return None
    try:
        told: _Challenge = from_json(body, _Challenge)
    except ValueError:
        return None
    return told
