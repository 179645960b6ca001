"""The refusals and failures that the routes of LaoZhang's `/v1/videos` share."""

from collections.abc import Mapping
from functools import partial

from arrivals.lab.rehearsal.stand_in import StandIn, failure, refusal, vanished
from arrivals.lab.rehearsal.state import Outcome

PROVIDER = "laozhang"


def error(status: int, message: str, kind: str, code: str | None = None) -> Outcome:
    """The refusal of an order in the shape of `/v1/videos`."""
    return refusal(status, {"error": {"message": message, "type": kind, "code": code, "param": None}}, code)


def bad_parameter(name: str) -> Outcome:
    """The refusal of an order whose field of this name is not as documented."""
    return error(400, f"Invalid parameter: {name}", "invalid_request_error", "invalid_parameter")


# https://docs.laozhang.ai/en/api-manual and https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward
REFUSALS: Mapping[str, Outcome] = {
    "invalid_api_key": error(401, "Invalid API key", "authentication_error", "invalid_api_key"),
    "authentication_error": error(401, "Authentication failed", "authentication_error"),
    "insufficient_balance": error(402, "Insufficient balance", "insufficient_quota", "insufficient_balance"),
    "insufficient_quota": error(429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
    "model_not_found": error(404, "The model does not exist", "invalid_request_error", "model_not_found"),
    "invalid_request_error": error(400, "Invalid request", "invalid_request_error"),
    "invalid_parameter": bad_parameter("seconds"),
    "image_fetch_failed": error(400, "Failed to fetch image", "invalid_request_error", "image_fetch_failed"),
    "invalid_image_format": error(400, "Invalid image format", "invalid_request_error", "invalid_image_format"),
    "image_too_large": error(400, "Image too large", "invalid_request_error", "image_too_large"),
    "model_not_support_image": error(
        400, "Model does not support images", "invalid_request_error", "model_not_support_image"
    ),
    "rate_limit_exceeded": error(429, "Rate limit exceeded", "rate_limit_error", "rate_limit_exceeded"),
    "server_error": error(500, "Internal server error", "server_error", "server_error"),
    "service_unavailable": error(503, "Service unavailable", "server_error"),
    "task_expired": vanished(
        404, {"error": {"message": "Task not found", "type": "invalid_request_error", "code": None, "param": None}}
    ),
}
# The pages show `error` of a failed task as an object with `message`, with `code` as well where OpenAI's own answer is
# handed on, and in a copy of the reverse queue's page as a sentence.
GENERATION_FAILED = failure({"message": "generation failed"})
MODERATION_BLOCKED = failure(
    {"code": "moderation_blocked", "message": "Content policy violation"}, "moderation_blocked"
)
FAILED_IN_WORDS = failure("Content policy violation")
QUEUE_TIMEOUT = failure({"message": "queue timeout"})

stand_in = partial(
    StandIn,
    provider=PROVIDER,
    faults={
        "402": REFUSALS["insufficient_balance"],
        "404": error(404, "Task not found", "invalid_request_error"),
        "429": REFUSALS["rate_limit_exceeded"],
        "500": REFUSALS["server_error"],
        "503": REFUSALS["service_unavailable"],
    },
    unauthorized=lambda _: REFUSALS["invalid_api_key"],
)
