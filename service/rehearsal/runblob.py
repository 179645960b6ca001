"""RunBlob's side of the wire: Kling O3 Photo and Nano Banana (`gemini`).

Its webhooks are not signed, and a poll of O3 Photo says that a generation failed but never why.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.rehearsal import door
from service.rehearsal.desk import Desk, failure, outputs, read_json, refusal, text, uuid, vanished
from service.rehearsal.world import Asked, Job, Outcome, Phase, View, Voice, World

PROVIDER = "runblob"
O3_PHOTO = "kling/o3-photo"
GEMINI = "gemini"
RESOLUTIONS = ("1k", "2k", "4k")
MOST_IMAGES = 10
PRICES = {O3_PHOTO: "0.0500", GEMINI: "0.0200"}
LIE = "CONTENT_POLICY_VIOLATION"  # what a false failure gives as its reason

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
_MISSING_FIELD = [{"type": "missing", "loc": ["body", "prompt"], "msg": "Field required", "input": {}}]

# https://docs.runblob.io/api-reference/kling/o3-photo-errors and the error pages of its siblings: which HTTP
# status goes with which `detail` is given for some only; the others stand under 400.
_BOTH: Mapping[str, Outcome] = {
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
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    O3_PHOTO: {
        "INSUFFICIENT_CREDITS": refusal(
            402, {"success": False, "message": "INSUFFICIENT_CREDITS"}, "INSUFFICIENT_CREDITS"
        ),
        "TASK_NOT_FOUND": failure("TASK_NOT_FOUND", "TASK_NOT_FOUND"),
        **_BOTH,
    },
    GEMINI: {
        "INSUFFICIENT_CREDITS": refusal(402, {"detail": "INSUFFICIENT_CREDITS"}, "INSUFFICIENT_CREDITS"),
        "TASK_NOT_FOUND": vanished(404, {"detail": "TASK_NOT_FOUND"}, "TASK_NOT_FOUND"),
        **_BOTH,
    },
}
_WORDS = {
    Phase.QUEUED: "pending",
    Phase.RUNNING: "processing",
    Phase.COMPLETED: "completed",
    Phase.FAILED: "failed",
    Phase.CANCELED: "failed",
}


def _word(view: View) -> str:
    return view.odd or _WORDS[view.phase]


def _reason(job: Job, view: View) -> Any:
    if view.phase is not Phase.FAILED or view.odd is not None:
        return None
    return LIE if job.outcome is None else job.outcome.body


def _image(job: Job, view: View) -> str | None:
    return next(iter(outputs(job, view)), None)


def _accepted(_world: World, job: Job) -> Any:
    name = "generation_id" if job.route == O3_PHOTO else "task_uuid"
    return {name: job.external_id, "status": "pending", "price": PRICES[job.route]}


def _photo_state(_world: World, job: Job, view: View) -> Any:
    return {
        "generation_id": job.external_id,
        "status": _word(view),
        "prompt": job.asked.prompt,
        "image_url": _image(job, view),
        "model": "kling_o3_photo",
    }


def _photo_call(job: Job, view: View) -> Any:
    return {
        "generation_id": job.external_id,
        "status": _word(view),
        "image_url": _image(job, view),
        "model": "kling-o3-photo",
        "message": _reason(job, view),
    }


def _gemini_call(job: Job, view: View) -> Any:
    return {
        "task_uuid": job.external_id,
        "status": _word(view),
        "result_image_url": _image(job, view),
        "message": _reason(job, view),
    }


def _gemini_state(_world: World, job: Job, view: View) -> Any:
    return {**_gemini_call(job, view), "prompt": job.asked.prompt}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check(asked: Asked) -> Outcome | None:
    links, raw = _listed(asked.body.get("images_url")), _listed(asked.body.get("images_base64"))
    if not asked.prompt:
        return _BOTH["validation_error"]
    if links and raw:
        return _BOTH["mixed_images"]
    if len(links) + len(raw) > MOST_IMAGES:
        return _BOTH["too_many_images"]
    return None if asked.body.get("img_resolution", "4k") in RESOLUTIONS else _BOTH["invalid_resolution"]


def _unauthorized(given: str | None) -> Outcome:
    if given is None:
        return _BOTH["no_key"]
    return _BOTH["invalid_key" if given.startswith("Bearer ") else "key_format"]


def _files(world: World, _asked: Asked, external_id: str, _shape: int) -> tuple[str, ...]:
    return (f"{world.cdn_origin}/cdn/runblob/{external_id}.png",)


def _desk(route: str, not_found: str) -> Desk:
    known = OUTCOMES[route]
    photo = route == O3_PHOTO
    return Desk(
        provider=PROVIDER,
        route=route,
        outcomes=known,
        faults={
            "402": known["INSUFFICIENT_CREDITS"],
            "404": known[not_found],
            "429": known["too_many_requests"],
            "500": known["server_error"],
            "503": known["service_unavailable"],
        },
        unauthorized=_unauthorized,
        identity=lambda _, dice: uuid(dice),
        files=_files,
        accepted=_accepted,
        accepted_status=201,
        state=_photo_state if photo else _gemini_state,
        check=_check,
        # https://docs.runblob.io/api-reference: five attempts for Kling, up to three retries for Nano Banana
        voice=Voice(write=_photo_call, tries=5, tells_running=True)
        if photo
        else Voice(write=_gemini_call, tries=4, tells_running=True),
    )


DESKS: Mapping[str, Desk] = {
    O3_PHOTO: _desk(O3_PHOTO, "generation_not_found"),
    GEMINI: _desk(GEMINI, "task_not_found"),
}


def _family(world: World, desk: Desk) -> list[Route]:
    async def generate(request: Request) -> Response:
        body = read_json(await request.body())
        body = body if isinstance(body, dict) else {}
        callback_url = text(body.get("callback_url")) or None
        asked = Asked(prompt=text(body.get("prompt")), model=desk.route, body=body, callback_url=callback_url)
        return await door.submit(world, desk, request, asked)

    async def look(request: Request) -> Response:
        return door.poll(world, {desk.route: desk}, request, request.path_params["id"])

    return [
        Route(f"/v1/{desk.route}/generate", generate, methods=["POST"]),
        Route(f"/v1/{desk.route}/generations/{{id}}", look),
    ]


def routes(world: World) -> list[Route]:
    """RunBlob's paths."""
    return [route for desk in DESKS.values() for route in _family(world, desk)]
