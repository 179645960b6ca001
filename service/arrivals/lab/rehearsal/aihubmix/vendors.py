"""The rules of each vendor behind AiHubMix's `/v1/videos`: the gateway passes a body on, the vendor refuses it.

This module reads nothing but the order.
"""

from collections.abc import Callable, Mapping
from typing import Any

from arrivals.lab.rehearsal.aihubmix.errors import error
from arrivals.lab.rehearsal.stand_in import text
from arrivals.lab.rehearsal.state import Outcome

MAX_IMAGES = 4
VEO_SECONDS = (4, 6, 8)
FRAMES = ("first_frame", "last_frame")
Body = dict[str, Any]


def _invalid_type(name: str, wanted: str, got: str) -> Outcome:
    return error(400, f"Invalid type for '{name}': expected {wanted}, but got {got}")


# https://docs.aihubmix.com/en/api/Video-Gen, github.com/AIhubmix/aihubmix-media-adapters (src/adapters/video.ts).
# The sentence about `input_reference` was seen on the wire; the others are made like it.
OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "videos": {},
    "sora": {
        "seconds_type": _invalid_type("seconds", "a string", "an integer"),
        "input_reference_type": _invalid_type("input_reference", "an object", "a string"),
        "aspect_ratio_unknown": error(400, "Unknown parameter: 'aspect_ratio'."),
    },
    "veo": {
        "seconds_type": _invalid_type("seconds", "a number", "a string"),
        "seconds_not_supported": error(400, "seconds must be 4, 6 or 8"),
        "image_not_supported": error(400, "image to video is not supported by this model"),
    },
    "seedance": {
        "duration_type": _invalid_type("duration", "a number", "a string"),
        "content_type": _invalid_type("content", "an array of objects", "something else"),
    },
    "dashscope": {
        "input_type": _invalid_type("input", "an object", "a string"),
        "parameters_type": _invalid_type("parameters", "an object", "a string"),
        "media_type": error(400, "media.type must be first_frame or last_frame"),
        "duration_type": _invalid_type("parameters.duration", "a number", "a string"),
    },
    "kling": {
        "image_list_type": _invalid_type("image_list", "an array", "a string"),
        "too_many_images": error(400, "image_list must contain at most 4 images"),
    },
}
_BEGINNINGS = {
    "sora": "sora",
    "veo": "veo",
    "doubao-seedance": "seedance",
    "happyhorse": "dashscope",
    "wan2.7-i2v": "dashscope",
    "kling": "kling",
}


def route(model: str) -> str:
    """The vendor to which orders for this model are passed on."""
    return next((name for beginning, name in _BEGINNINGS.items() if model.startswith(beginning)), "videos")


def prompt(body: Body) -> str:
    """The prompt, read where this model's vendor reads it."""
    if route(text(body.get("model"))) == "dashscope":
        model_input = body.get("input")
        return text(model_input.get("prompt")) if isinstance(model_input, dict) else ""
    content = body.get("content")
    texts = [text(part.get("text")) for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return text(body.get("prompt")) or "".join(texts)


def broken(name: str, body: Body) -> str | None:
    """The name of the first rule of this vendor that the order breaks."""
    check = _CHECKS.get(name)
    return None if check is None else check(body)


def _sora(body: Body) -> str | None:
    if not isinstance(body.get("seconds", ""), str):
        return "seconds_type"
    if not isinstance(body.get("input_reference", {}), dict):
        return "input_reference_type"
    return "aspect_ratio_unknown" if "aspect_ratio" in body else None


def _veo(body: Body) -> str | None:
    seconds = body.get("seconds", VEO_SECONDS[-1])
    if not _is_number(seconds):
        return "seconds_type"
    if seconds not in VEO_SECONDS:
        return "seconds_not_supported"
    return "image_not_supported" if "input_reference" in body else None


def _seedance(body: Body) -> str | None:
    if not _is_number(body.get("duration", 5)):
        return "duration_type"
    content = body.get("content", [])
    sound = isinstance(content, list) and all(isinstance(part, dict) for part in content)
    return None if sound else "content_type"


def _dashscope(body: Body) -> str | None:
    model_input, parameters = body.get("input"), body.get("parameters", {})
    if not isinstance(model_input, dict):
        return "input_type"
    if not isinstance(parameters, dict):
        return "parameters_type"
    media = model_input.get("media", [])
    if not isinstance(media, list) or not all(
        isinstance(entry, dict) and entry.get("type") in FRAMES for entry in media
    ):
        return "media_type"
    return None if _is_number(parameters.get("duration", 5)) else "duration_type"


def _kling(body: Body) -> str | None:
    images = body.get("image_list", [])
    if not isinstance(images, list):
        return "image_list_type"
    return "too_many_images" if len(images) > MAX_IMAGES else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: Mapping[str, Callable[[Body], str | None]] = {
    "sora": _sora,
    "veo": _veo,
    "seedance": _seedance,
    "dashscope": _dashscope,
    "kling": _kling,
}
