"""The application: every route, and the answer where there is none."""

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from arrivals.core.api_key import digest_of
from arrivals.flow.context import Context
from arrivals.web import callbacks
from arrivals.web.api import (
    changes,
    deliveries,
    events,
    generations,
    health,
    metrics,
    outputs,
    providers,
    replays,
    subscribers,
    webhooks,
)
from arrivals.web.auth import Authenticator
from arrivals.web.endpoint import Call, Content, Endpoint, routes
from arrivals.web.errors import Problem
from arrivals.web.openapi.document import document
from arrivals.web.traced import Traced


async def openapi(_call: Call) -> Response:
    """The document of this interface, encoded once: many requests for it cost no more memory than one."""
    return Response(_DOCUMENT, media_type="application/json")


ITSELF = Content(
    media_types=("application/json",),
    schema={"type": "object", "additionalProperties": True},
    description="The OpenAPI document of this interface.",
)
ENDPOINTS: tuple[Endpoint, ...] = (
    *generations.ENDPOINTS,
    *outputs.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *events.ENDPOINTS,
    *changes.ENDPOINTS,
    *subscribers.ENDPOINTS,
    *deliveries.ENDPOINTS,
    *replays.ENDPOINTS,
    *providers.ENDPOINTS,
    *health.ENDPOINTS,
    *metrics.ENDPOINTS,
    Endpoint(
        method="GET", path="/openapi.json", operation="getOpenApi",
        tag="Monitoring", summary="Show this document",
        description="OpenAPI 3.1. Needs no key.",
        handle=openapi, answers={200: ITSELF},
    ),
)  # fmt: skip
_DOCUMENT = msgspec.json.encode(document(ENDPOINTS))
DOCUMENT = msgspec.json.decode(_DOCUMENT)


def make_app(context: Context, *api_keys: str) -> callbacks.CallbackApp:
    """The ASGI application over a context; `api_keys` are those of the settings, with every scope, newest first."""
    authenticator = Authenticator(context=context, own=[digest_of(key) for key in api_keys])
    app = Starlette(routes=[*callbacks.routes(), *routes(ENDPOINTS, authenticator)])
    app.add_exception_handler(HTTPException, _no_route)
    app.router.redirect_slashes = False  # a redirect loses a webhook
    return callbacks.CallbackApp(callbacks.CallbackHandler(context), Traced(app, context))


async def _no_route(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # Starlette types every handler for any exception
        raise error
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    detail = {404: "there is nothing at this path; see /openapi.json", 405: "this path does not take this method"}
    return Problem(
        error.status_code, code, detail.get(error.status_code, error.detail), headers=error.headers
    ).response()
