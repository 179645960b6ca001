"""The refusals and failures of each::sense: HTTP answers before the stream, and events that close it."""

from collections.abc import Mapping
from typing import Any

from arrivals.lab.rehearsal.stand_in import failure, refusal
from arrivals.lab.rehearsal.state import Outcome, Where

MAX_IMAGES = 4
MAX_PROMPT = 10_000
_QUESTION = {
    "question": "What style would you like?",
    "options": ["Photorealistic", "Artistic", "Anime", "Cinematic"],
    "context": "Each style produces very different results.",
}
_TIMED_OUT = {
    "message": "Model execution timed out after 300 seconds",
    "error_code": "TIMEOUT",
    "suggestion": "For long-running operations, check execution status with the execution_id",
}


def _event(message: str, code: str | None = None, **more: Any) -> Outcome:
    coded = {} if code is None else {"error_code": code}
    return failure({"type": "error", "message": message, **coded, **more}, code)


def _invalid(loc: str, message: str, kind: str) -> Outcome:
    return refusal(422, {"detail": [{"loc": ["body", loc], "msg": message, "type": kind}]})


def rate_limited(seconds: int) -> Outcome:
    """Too many requests; the stand-in adds the limits of this minute as X-RateLimit-*."""
    body = {"detail": "Rate limit exceeded.", "error_code": "RATE_LIMITED", "retry_after": seconds}
    return refusal(429, body, "RATE_LIMITED", Retry_After=f"{seconds}")


def _balance(required: str) -> dict[str, Any]:
    return {"current_balance": 0.10, required: 0.50, "top_up_url": "https://eachlabs.ai/billing"}


# https://docs.eachlabs.ai/sense/edge-cases, …/sense/streaming/event-types, …/sense/clarifications
OUTCOMES: Mapping[str, Outcome] = {
    # before the stream
    "key_required": refusal(401, {"detail": "API key is required."}),
    "invalid_key": refusal(401, {"detail": "Invalid API key. Please check your API key and try again."}),
    "key_expired": refusal(401, {"detail": "API key has expired."}),
    "messages_missing": _invalid("messages", "field required", "value_error.missing"),
    "prompt_too_long": _invalid(
        "messages", "ensure this value has at most 10000 characters", "value_error.any_str.max_length"
    ),
    "RATE_LIMITED": rate_limited(30),
    "bad_request": refusal(400, {"detail": "Bad request."}),
    "forbidden": refusal(403, {"detail": "Forbidden."}),
    "not_found": refusal(404, {"detail": "Not found."}),
    "server_error": refusal(500, {"detail": "Internal server error."}),
    "bad_gateway": refusal(502, {"detail": "Bad gateway."}),
    "unavailable": refusal(503, {"detail": "Service unavailable."}),
    "gateway_timeout": refusal(504, {"detail": "Gateway timeout."}),
    # Nothing was begun: the first event, and nothing before it.
    "SESSION_BUSY": refusal(
        200,
        {
            "type": "error",
            "message": "Session is currently processing another request",
            "error_code": "SESSION_BUSY",
        },
        "SESSION_BUSY",
    ),
    # `error` events
    "invalid_image_url": _event("Invalid image URL: Unable to fetch image from provided URL"),
    "too_many_images": _event("Maximum 4 images allowed per request"),
    "model_not_found": _event("Model not found: invalid-model-name", suggestion="Did you mean 'nano-banana-pro'?"),
    "model_unavailable": _event("Model temporarily unavailable: kling-3-0", alternatives=["kling-2-1"]),
    "CONTENT_FILTER": failure(
        {
            "type": "error",
            "message": "Failed to generate image: Model returned error",
            "details": {"error_code": "CONTENT_FILTER"},
        },
        "CONTENT_FILTER",
    ),
    "content_filter_on_top": _event("Content was filtered", "CONTENT_FILTER"),
    "INSUFFICIENT_BALANCE": _event(
        "Insufficient balance.", "INSUFFICIENT_BALANCE", details=_balance("required_estimate")
    ),
    "balance_required": _event(
        "Failed to execute model: Insufficient balance", "INSUFFICIENT_BALANCE", details=_balance("required_balance")
    ),
    "balance_in_words": _event("Generation failed: Insufficient balance"),
    "rate_limited_in_stream": _event("Rate limit exceeded.", "RATE_LIMITED"),
    "SESSION_NOT_FOUND": _event("Session not found", "SESSION_NOT_FOUND"),
    "AGE_VERIFICATION_REQUIRED": _event("Age verification is required", "AGE_VERIFICATION_REQUIRED"),
    "session_memory_limit": _event("Session memory limit reached. Maximum 50 messages per session."),
    "generation_failed": _event("Failed to generate image: Model returned error"),
    # The stream gives up; the execution that it names goes on and completes. In the other row nothing was started.
    "TIMEOUT": Outcome(where=Where.STREAM, body={"type": "error", **_TIMED_OUT}, code="TIMEOUT"),
    "timed_out_for_good": failure({"type": "error", **_TIMED_OUT}, "TIMEOUT"),
    # It needs an answer from the caller, or says in its `complete` that it failed.
    "clarification_needed": failure({"type": "clarification_needed", **_QUESTION}, "clarification_needed"),
    "clarification_at_the_end": failure({"type": "complete", "status": "clarification_needed"}, "clarification_needed"),
    "awaiting_input": failure({"type": "complete", "status": "awaiting_input"}, "awaiting_input"),
    "complete_error": failure({"type": "complete", "status": "error"}),
}
# What fails only once a model runs may have started an execution; everything else has none.
MAY_HAVE_RUN = frozenset({"CONTENT_FILTER", "content_filter_on_top", "generation_failed", "complete_error"})
# The HTTP status of what a stream would have said in an event, where there is no stream: no page tells, but the
# statuses are those of the page's table.
WITHOUT_STREAM: Mapping[str, int] = {"TIMEOUT": 504, "CONTENT_FILTER": 400, "SESSION_BUSY": 400, "RATE_LIMITED": 429}
