"""The whole document, OpenAPI 3.1."""

from collections.abc import Sequence
from typing import Any

from arrivals import __version__
from arrivals.web.endpoint import Content, Endpoint
from arrivals.web.errors import ProblemSchema
from arrivals.web.openapi.components import schemas_of
from arrivals.web.openapi.operations import KEY, operation
from arrivals.web.openapi.problems import responses
from arrivals.web.openapi.webhooks import webhooks

INFO = {
    "title": "Arrivals",
    "version": __version__,
    "summary": "Order AI media generations from several providers, and learn once, in one vocabulary, how each ended.",
    "description": (
        "An order is stored and answered at once. Arrivals submits it, takes the provider's webhooks, polls for those"
        " that never come, and announces the end as an event: delivered to subscribers, streamed, and listed.\n\n"
        "Every error is a problem (RFC 9457) whose `code` is for programs and whose `detail` says what to do. Lists"
        " come in pages: give the `next` of a page as `after` to get the one behind it. Moments are RFC 3339, in UTC,"
        " with milliseconds. New fields may be added to answers at any time: ignore those that you do not know."
    ),
    "contact": {"name": "Whoever runs this service"},
    "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
}
# Relative to the document itself, and so behind whatever path a proxy puts before it.
SERVERS = [{"url": ".", "description": "The service that this document comes from."}]
TAGS = {
    "Generations": "Pieces of work ordered from providers, and their outputs.",
    "Events": "What happened to generations, as pages and as a stream.",
    "Subscribers": "Receivers of events, at a URL each.",
    "Deliveries": "Events on their way to subscribers, and what subscribers receive.",
    "Webhooks": "Webhooks of providers, stored as they were received.",
    "Replays": "Stored webhooks read again, and events sent again.",
    "Providers": "What each provider can do, and how it has behaved.",
    "Monitoring": "The health, the metrics and the description of the service.",
}
SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": (
        "An API key: the one of `ARRIVALS_API_KEY`, or one that `arrivals keys make` has made. A key has scopes:"
        " `read`, `submit`, and `admin`, which includes the others."
    ),
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document of these endpoints."""
    queries = {endpoint.query for endpoint in endpoints if endpoint.query}  # their fields become parameters
    bodies = {endpoint.body for endpoint in endpoints if endpoint.body}
    answers = {kind for endpoint in endpoints for kind in endpoint.answers.values() if not isinstance(kind, Content)}
    schemas = schemas_of(queries | bodies | answers | {ProblemSchema})
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": SERVERS,
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "webhooks": webhooks(schemas),
        "components": {
            "schemas": schemas.written(queries),
            "responses": responses(schemas.by_type[ProblemSchema]),
            "securitySchemes": {KEY: SCHEME},
        },
    }
