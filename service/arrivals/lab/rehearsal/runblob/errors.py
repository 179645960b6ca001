"""RunBlob's refusals and the reasons of its failures, family by family."""

from collections.abc import Mapping

from arrivals.lab.rehearsal.stand_in import failure, refusal, vanished
from arrivals.lab.rehearsal.state import Outcome

# https://docs.runblob.io/api-reference/kling/o3-photo-errors: the codes of `message`, in a failed generation
MESSAGES = (
    "INVALID_TASK_ID",
    "INVALID_IMAGE",
    "IMAGE_INACCESSIBLE",
    "IMAGE_TOO_LARGE",
    "UNSUPPORTED_IMAGE_FORMAT",
    "CONTENT_POLICY_VIOLATION",
    "MODERATION_FAILED",
    "UNSAFE_CONTENT",
    "NON_ENGLISH_PROMPT",
    "PROMINENT_PEOPLE_UPLOAD",
    "PHOTOREAL_UPLOAD",
    "TIMEOUT",
    "TASK_FAILED",
    "API_ERROR",
    "GOOGLE_DECLINED",
    "OPENAI_DECLINED",
    "MAINTENANCE",
)
LIE = "CONTENT_POLICY_VIOLATION"  # what a false failure gives as its reason
_MISSING_FIELD = [{"type": "missing", "loc": ["body", "prompt"], "msg": "Field required", "input": {}}]
_NO_FUNDS = "INSUFFICIENT_CREDITS"

# https://docs.runblob.io/api-reference/kling/o3-photo-errors and the error pages of its siblings: the HTTP status of a
# `detail` is documented for some only; the others are listed as 400 here.
EVERYWHERE: Mapping[str, Outcome] = {
    **{code: failure(code, code) for code in MESSAGES},
    "validation_error": refusal(422, {"detail": "Validation error: prompt is required"}),
    "missing_field": refusal(422, {"detail": _MISSING_FIELD}),
    "invalid_resolution": refusal(400, {"detail": "Invalid resolution. Must be 1k, 2k, or 4k"}),
    "too_many_images": refusal(400, {"detail": "Maximum 10 images allowed (URLs + base64 combined)"}),
    "too_many_images_got": refusal(400, {"detail": "Maximum 5 images allowed, got 6"}),
    "mixed_images": refusal(400, {"detail": "Cannot mix images_url and images_base64 in one request"}),
    "both_images": refusal(400, {"detail": "Cannot provide both images_base64 and images_url"}),
    "both_image": refusal(400, {"detail": "Cannot provide both image_base64 and image_url"}),
    "invalid_duration": refusal(400, {"detail": "Duration must be 5, 10, or 15 seconds"}),
    "invalid_model": refusal(400, {"detail": "Model must be 'kling_o3' or 'kling_o3_pro'"}),
    "invalid_image_format": refusal(400, {"detail": "Invalid image format"}),
    "invalid_key": refusal(401, {"error": "Unauthorized", "message": "Invalid API key"}),
    "no_key": refusal(401, {"error": "Unauthorized", "message": "Authorization header required"}),
    "key_format": refusal(
        401, {"error": "Unauthorized", "message": "Invalid authorization format. Use: Bearer YOUR_API_KEY"}
    ),
    "missing_credentials": refusal(401, {"detail": "Missing credentials"}),
    "invalid_key_detail": refusal(401, {"detail": "Invalid API key"}),
    "too_many_requests": refusal(429, {"detail": "Too many requests"}),
    "server_error": refusal(500, {"detail": "Internal server error"}),
    "service_unavailable": refusal(503, {"detail": "Service temporarily unavailable"}),
    "generation_not_found": vanished(404, {"detail": "Generation not found"}),
    "task_not_found": vanished(404, {"detail": "Task not found"}),
}
# The pages of O3 Photo and Veo wrap an empty account in `success`, those of their siblings in `detail`.
SUCCESS_FALSE = refusal(402, {"success": False, "message": _NO_FUNDS}, _NO_FUNDS)
DETAIL = refusal(402, {"detail": _NO_FUNDS}, _NO_FUNDS)
_UNKNOWN_TASK = vanished(404, {"detail": "TASK_NOT_FOUND"}, "TASK_NOT_FOUND")
# https://docs.runblob.io/api-reference/sora/webhooks
_PEOPLE = failure("Image contains photorealistic people. Please try with a different image.")


def _outcomes(funds: Outcome, **more: Outcome) -> Mapping[str, Outcome]:
    return {_NO_FUNDS: funds, "TASK_NOT_FOUND": _UNKNOWN_TASK, **EVERYWHERE, **more}


# https://docs.runblob.io/llms.txt lists the error page of each family
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "kling/o3-photo": _outcomes(SUCCESS_FALSE, TASK_NOT_FOUND=failure("TASK_NOT_FOUND", "TASK_NOT_FOUND")),
    "gemini": _outcomes(DETAIL),
    "kling/o1-photo": _outcomes(DETAIL),
    "kling/o1-video": _outcomes(DETAIL),
    "kling/o3-video": _outcomes(DETAIL),
    "kling": _outcomes(DETAIL),
    "veo": _outcomes(SUCCESS_FALSE),
    "sora": _outcomes(DETAIL, photorealistic_people=_PEOPLE),
    "chatgpt-images": _outcomes(DETAIL),
    "seedance": _outcomes(DETAIL),
    "legacy/veo": _outcomes(DETAIL),
}


def faults(route: str, not_found: str) -> Mapping[str, Outcome]:
    """The family's answers to a directive's faults, by HTTP status."""
    outcomes = OUTCOMES[route]
    return {
        "402": outcomes[_NO_FUNDS],
        "404": outcomes[not_found],
        "429": outcomes["too_many_requests"],
        "500": outcomes["server_error"],
        "503": outcomes["service_unavailable"],
    }


def unauthorized(authorization: str | None) -> Outcome:
    """The refusal of this Authorization header."""
    if authorization is None:
        return EVERYWHERE["no_key"]
    return EVERYWHERE["invalid_key" if authorization.startswith("Bearer ") else "key_format"]
