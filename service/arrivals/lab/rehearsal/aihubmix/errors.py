"""The refusals of AiHubMix's gateway, whichever vendor is behind it."""
# ruff: noqa: RUF001 - the dashes are the provider's own

from collections.abc import Mapping
from typing import Any

from arrivals.lab.rehearsal.stand_in import refusal
from arrivals.lab.rehearsal.state import Outcome


def error(status: int, message: str, code: str | None = None) -> Outcome:
    """A refusal in the gateway's envelope; the message holds the number of the request."""
    body: dict[str, Any] = {"message": f"{message} (tid: {{tid}})", "type": "Aihubmix_api_error", "param": ""}
    if code is not None:
        body["code"] = code
    return refusal(status, {"error": body}, code)


# https://docs.aihubmix.com/en/FAQs/HTTP-Codes: HTTP status, identifier (none in most rows), message
OUTCOMES: Mapping[str, Outcome] = {
    "no_available_channel": error(
        503, "Incorrect model ID. Please request to view the model page or you do not have permission to use this model"
    ),
    "provider_rate_limited": error(
        503, "Rate limited by provider – contact support to request higher concurrency or try again later."
    ),
    "too_many_requests": error(429, "The {model} model Too many requests; please try again later."),
    "insufficient_user_quota": error(
        403,
        "Your account balance is insufficient. Please recharge your account to continue using the API.",
        "insufficient_user_quota",
    ),
    "account_suspended": error(403, "Account suspended."),
    "insufficient_permissions": error(403, "Forbidden – insufficient permissions."),
    "ip_not_allowed": error(403, "Forbidden – key({key}) allowed only from approved IP ranges."),
    "model_not_allowed": error(403, "Forbidden – key({key}) not authorized to access the requested model."),
    "key_error": error(403, "Key error;({key})"),
    "channel_disabled": error(403, "Forbidden – channel has been disabled."),
    "no_token": error(401, "Unauthorized – no access token supplied; please log in and include a valid token."),
    "token_invalid": error(401, "Unauthorized – access token is invalid or expired."),
    "invalid_channel_id": error(400, "Bad Request – invalid channel ID."),
    "prompt_missing": error(400, "prompt is required", "prompt_missing"),
    "prompt_too_long": error(400, "prompt is too long", "prompt_too_long"),
    "text_too_long": error(400, "input is too long", "text_too_long"),
    "size_not_supported": error(400, "size not supported", "size_not_supported"),
    "n_not_within_range": error(400, "invalid value of n", "n_not_within_range"),
    # Not in the table; seen on the wire by its users.
    "no_key_provided": error(401, "no key provided"),
    "no_valid_channel_error": error(500, "no_valid_channel_error"),
    "token_not_retrieved": error(500, "Failed to retrieve token"),
}
