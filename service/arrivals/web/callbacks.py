"""POST /callbacks/{provider}/{token} receives webhooks: token, size, verification, commit, exactly 200.

There are two ways to the one handler: the fast one, by which a connection hands over small webhooks as they were parsed
(`server/connection.py`), and the plain one, an ASGI application in front of all others.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
import re
import time
from typing import Literal, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from arrivals.core.http import InboundWebhook, join_headers
from arrivals.core.wire import from_json
from arrivals.flow.callback_url import UnknownToken
from arrivals.flow.context import Context
from arrivals.flow.measurements import REQUESTS
from arrivals.flow.observation.receive import receive_soon
from arrivals.providers.catalog import PROVIDERS
from arrivals.store.observations import StoredWebhook
from arrivals.web.errors import CLOSES, problem_of
from arrivals.web.request_body import body_of, too_large
from arrivals.web.server.current import CURRENT, reporting

PREFIX = "/callbacks/"
ROUTE = PREFIX + "{provider}/{token}"
METHODS = ("GET", "HEAD", "OPTIONS", "POST")
KEPT = Response()
_CHALLENGE = re.compile(rb'\s*{\s*"challenge"')

Answer: TypeAlias = Callable[[Response], None]


class _Challenge(msgspec.Struct, forbid_unknown_fields=True):
    """The body that a provider sends to test the address, and expects back."""

    challenge: str


class Addressee(msgspec.Struct, frozen=True):
    """The generation that a webhook is about, by its token."""

    provider: str
    generation_id: str
    account: str


class Webhook(msgspec.Struct, frozen=True):
    """A whole webhook, the way by which it came, and the function to call with the answer: 200 once it is stored."""

    addressee: Addressee
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    answer: Answer
    way: Literal["fast", "plain"]


def addressed(url: bytes) -> tuple[str, str] | None:
    """(provider, token) of a callback URL of ours; None for any other."""
    address = url.decode("latin-1").removesuffix("/")
    provider, _, token = address[len(PREFIX) :].partition("/")
    if not address.startswith(PREFIX) or not provider or not token or "/" in token or "?" in token or "%" in address:
        return None
    return provider, token


class CallbackHandler:
    """Accepts every webhook, whatever way it came.

    Those that come at one moment are accepted in a row, which halves the cost of each.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: list[Webhook] = []

    @property
    def max_bytes(self) -> int:
        """The largest body that is accepted."""
        return self._context.policy.limits.webhook_max_bytes

    def addressee(self, provider: str, token: str) -> Addressee:
        """The generation of this address, before any body is read. Raises UnknownToken."""
        if provider not in PROVIDERS:
            raise UnknownToken
        return Addressee(provider, *self._context.callback_urls.open(provider, token))

    def put(self, webhook: Webhook) -> None:
        """Accepts a webhook soon, together with others of this moment."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._accept_all)
        self._waiting.append(webhook)

    def _accept_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for webhook in waiting:
            self.accept(webhook)

    def accept(self, webhook: Webhook) -> None:
        """Stores a webhook and answers, or answers why not. Raises nothing: an error is an answer too."""
        answer = partial(self._answer, webhook.answer, time.perf_counter())
        try:
            self._accept(webhook, answer)
        except Exception as error:  # noqa: BLE001 - one of the places where errors become answers
            _answer_result(answer, error)

    def refuse(self, error: Exception) -> Response:
        """The answer to a call that is not accepted: to no address of ours, or without a whole body."""
        response = problem_of(error).response()
        self._measure(response, 0.0)
        return response

    def _answer(self, answer: Answer, began: float, response: Response) -> None:
        self._measure(response, time.perf_counter() - began)
        answer(response)

    def _measure(self, response: Response, seconds: float) -> None:
        labels = ("POST", ROUTE, f"{response.status_code // 100}xx")
        self._context.process.measurements.observe(REQUESTS, labels, seconds)

    def _accept(self, webhook: Webhook, answer: Answer) -> None:
        if len(webhook.body) > self.max_bytes:
            raise too_large(self.max_bytes)
        challenge = challenge_of(webhook.body)
        if challenge is not None:
            answer(_echo(challenge))
            return
        addressee = webhook.addressee
        inbound = InboundWebhook(headers=_headers(webhook.headers), body=webhook.body)
        answer_result = partial(_answer_result, answer)
        receive_soon(
            self._context, addressee.provider, addressee.generation_id, addressee.account, inbound, answer_result
        )


class CallbackApp:
    """An ASGI application in front of the others: webhooks skip all that those would add to their cost."""

    def __init__(self, handler: CallbackHandler, others: ASGIApp) -> None:
        self.handler, self.others = handler, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes a webhook; passes anything else to the others. A slash at the end of a path means nothing."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"][:-1]}
        connection = CURRENT.get()
        if connection is not None and scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"]]}  # uvicorn appends trailers to its own list
            connection.begins()
            send = reporting(connection, send)
        address = _address(scope)
        if address is None:
            await self.others(scope, receive, send)
            return
        try:
            answer = await self._take(*address, scope, receive)
        except Exception as error:  # noqa: BLE001 - one of the places where errors become answers
            answer = self.handler.refuse(error)
        await answer(scope, receive, send)

    async def _take(self, provider: str, token: str, scope: Scope, receive: Receive) -> Response:
        addressee = self.handler.addressee(provider, token)
        declared = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"content-length"), None
        )
        body = await body_of(declared, receive, self.handler.max_bytes)
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def answer(response: Response) -> None:
            if not answered.done():  # otherwise its waiter is gone
                answered.set_result(response)

        self.handler.accept(Webhook(addressee, scope["headers"], body, answer, "plain"))
        return await answered


def _address(scope: Scope) -> tuple[str, str] | None:
    """(provider, token) of a webhook."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PREFIX):
        return None
    provider, _, token = scope["path"][len(PREFIX) :].partition("/")
    return (provider, token) if provider and token and "/" not in token else None


def _answer_result(answer: Answer, result: StoredWebhook | BaseException) -> None:
    try:
        response = problem_of(result).response() if isinstance(result, BaseException) else KEPT
    except Exception:  # noqa: BLE001 - the log cannot be written; the webhook is answered nonetheless
        response = Response(status_code=500, headers=CLOSES)
    answer(response)


def _echo(challenge: _Challenge) -> Response:
    return Response(msgspec.json.encode(challenge), media_type="application/json")


async def probe(request: Request) -> Response:
    """Answers those who look first, always alike, so that nobody learns which addresses there are.

    CloudEvents senders ask with OPTIONS and want to be allowed by name.
    Source: https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
    """
    if request.method != "OPTIONS":
        return Response()
    origin = request.headers.get("webhook-request-origin")
    allowed = {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"} if origin else {}
    return Response(status_code=200, headers={"allow": ", ".join(METHODS), **allowed})


def routes() -> list[Route]:
    """The routes of the path besides webhooks."""
    return [Route(ROUTE, probe, methods=METHODS)]


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name, in lower case."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) == len(pairs):
        return headers
    return join_headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)


def challenge_of(body: bytes) -> _Challenge | None:
    """The challenge that a body is, if it is one and nothing else."""
    if not _CHALLENGE.match(body):
        return None
    try:
        challenge: _Challenge = from_json(body, _Challenge)
    except ValueError:
        return None
    return challenge
