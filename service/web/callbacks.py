"""POST /callbacks/{provider}/{token}: the door for providers. Token, size, verification, commit, exactly 200."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.core.http import InboundWebhook
from service.flow.callback import UnknownToken
from service.flow.receive import receive
from service.flow.tools import Tools
from service.providers.catalog import PROVIDERS
from service.web.endpoint import read_capped
from service.web.errors import problem_of

PATH = "/callbacks/{provider}/{token}"


class _Challenge(msgspec.Struct, forbid_unknown_fields=True):
    """A provider that tests the address sends this alone and wants it back."""

    challenge: str


def routes(tools: Tools) -> list[Route]:
    """The callback routes."""

    async def take(request: Request) -> Response:
        provider, token = request.path_params["provider"], request.path_params["token"]
        try:
            if provider not in PROVIDERS:
                raise UnknownToken  # noqa: TRY301 - every refusal of this door goes through one table
            tools.callbacks.open(provider, token)
            body = await read_capped(request, tools.limits.webhook_max_bytes)
            challenge = _challenge(body)
            if challenge is not None:
                return Response(msgspec.json.encode(challenge), media_type="application/json")
            await receive(tools, provider, token, InboundWebhook(headers=_headers(request), body=body))
        except Exception as error:  # noqa: BLE001 - the one place where this door's errors become answers
            return problem_of(error).response()
        return Response(status_code=200)

    async def probe(request: Request) -> Response:
        """Some providers ask first; CloudEvents senders want to be allowed by name.

        Source: https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
        """
        origin = request.headers.get("webhook-request-origin")
        allowed = {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"} if origin else {}
        return Response(status_code=200, headers={"allow": "POST, OPTIONS", **allowed})

    return [Route(PATH, take, methods=["POST"]), Route(PATH, probe, methods=["OPTIONS"])]


def _headers(request: Request) -> dict[str, str]:
    """By lower-case name; a repeated one is joined, as RFC 9110 section 5.3 allows."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _challenge(body: bytes) -> _Challenge | None:
    try:
        return msgspec.json.decode(body, type=_Challenge)
    except (msgspec.DecodeError, RecursionError):
        return None
