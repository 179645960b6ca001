"""The `webhooks` of the document: what subscribers and callback URLs receive, an entry for each type of event."""

from collections.abc import Mapping
from typing import Any

from arrivals.core.standard_webhooks import HEADERS
from arrivals.web.api.event_schemas import EVENT_SCHEMAS
from arrivals.web.openapi.components import Schemas
from arrivals.web.openapi.examples import EVENTS, SIGNED

TAG = "Deliveries"
MEANINGS: Mapping[str, str] = {
    "webhook-id": "the `id` of the event, the same on every attempt: drop what you have seen",
    "webhook-timestamp": "the moment of this attempt, in seconds since 1970; refuse one of more than five minutes ago",
    "webhook-signature": (
        "signatures separated by spaces, of `{webhook-id}.{webhook-timestamp}.{body}`: `v1,` and the HMAC-SHA256 with"
        " the subscriber's secret, `v1a,` and the Ed25519 signature where the subscriber has a public key, in base64"
    ),
}


def webhooks(schemas: Schemas) -> dict[str, Any]:
    """The delivery of each type of event."""
    return {str(struct.__struct_config__.tag): {"post": _delivery(struct, schemas)} for struct in EVENT_SCHEMAS}


def _delivery(struct: type, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.by_type[struct]
    meaning = schemas.components[schema["$ref"].rpartition("/")[2]]["description"]
    event_type = str(struct.__struct_config__.tag)  # type: ignore[attr-defined]  # of every struct
    return {
        "operationId": "on" + event_type.replace(".", "_").title().replace("_", ""),
        "tags": [TAG],
        "summary": f"Receive `{event_type}`",
        "description": f"{meaning}\n\nVerify it with any library of https://www.standardwebhooks.com/.",
        "security": [],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": MEANINGS[name],
                "schema": {"type": "string", "examples": [SIGNED[event_type][name]]},
            }
            for name in HEADERS
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": EVENTS[event_type]}},
        },
        "responses": {
            "2XX": {"description": "The event was received. Answer within 15 seconds."},
            "410": {"description": "Nothing is wanted any more: the subscriber is disabled."},
            "default": {"description": "The delivery is attempted again, as the schedule of attempts says."},
        },
    }
