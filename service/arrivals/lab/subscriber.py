"""A subscriber as a user would write it: verifies every delivery with the public `standardwebhooks` package.

`python -m arrivals.lab.subscriber PORT`. `PUT /secrets/{door}` says what a door's deliveries are signed with;
deliveries come to `POST /doors/{door}`; `GET /account` tells what came, `GET /count` how much. One in six is answered
503 the first time.
"""

from collections import Counter
from dataclasses import dataclass, field
import sys
from typing import Any
import zlib

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
import uvicorn

REFUSED_ONCE = 6


@dataclass(slots=True)
class Account:
    """The deliveries that came: each event by door and id, how often it came, and how many could not be verified."""

    secrets: dict[str, str] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    verified: int = 0
    unverified: int = 0


def make_app() -> Starlette:
    """Returns the subscriber, over an account of its own."""
    account = Account()

    async def set_secret(request: Request) -> Response:
        account.secrets[request.path_params["door"]] = (await request.json())["secret"]
        return Response(status_code=204)

    async def take(request: Request) -> Response:
        door, body = request.path_params["door"], await request.body()
        try:
            event = Webhook(account.secrets[door]).verify(body, dict(request.headers))
        except (WebhookVerificationError, KeyError, ValueError):
            account.unverified += 1
            return Response(status_code=401)
        account.verified += 1
        key = f"{door} {request.headers['webhook-id']}"
        if zlib.crc32(key.encode()) % REFUSED_ONCE == 0 and key not in account.refused:
            account.refused.add(key)
            return Response(status_code=503)
        account.times[key] += 1
        account.events.setdefault(key, event)
        return Response(status_code=204)

    async def tell(_request: Request) -> Response:
        return JSONResponse(
            {
                "events": [{"door": key.split()[0], "event": event} for key, event in account.events.items()],
                "repeated": sum(account.times.values()) - len(account.events),
                "refused_once": len(account.refused),
                "verified": account.verified,
                "unverified": account.unverified,
            }
        )

    async def count(_request: Request) -> Response:
        return JSONResponse(Counter(key.split()[0] for key in account.events))

    return Starlette(
        routes=[
            Route("/secrets/{door}", set_secret, methods=["PUT"]),
            Route("/doors/{door}", take, methods=["POST"]),
            Route("/account", tell),
            Route("/count", count),
        ]
    )


if __name__ == "__main__":
    uvicorn.run(make_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
