"""The limits of `wan26_t2i`, with its own thirteen codes: https://doc.vtrix.ai/docs/api/qwen/wan26-t2i.

The page says both that a longer text is cut and that it is refused with a code, so it is let through. It gives two
ranges of pixels, from 1280*1280 or 768*768 to 1440*1440: what either allows is let through.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from arrivals.providers._shared.limits import Broken, Limit, note, value_at

MODELS = ("wan26_t2i", "enveloped/wan26_t2i")
MAX_CHARACTERS, MAX_NEGATIVE_CHARACTERS, MAX_IMAGES, MAX_SEED = 2100, 500, 4, 2147483647
MIN_PIXELS, MAX_PIXELS, MAX_ASPECT = 768 * 768, 1440 * 1440, 4

# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
# the last three digits of the code: its sentence
SENTENCES: Mapping[str, str] = {
    "001": "Missing required field input",
    "002": "input.messages must contain one message",
    "003": "message.role must be user",
    "004": "message.content must contain one text object",
    "005": "content[0] must contain text field",
    "006": "Text length must be between 1-2100 characters",
    "008": "n must be an integer between 1 and 4",
    "009": "seed must be an integer between 0 and 2147483647",
    "010": "size format must be ‘width*height’",  # noqa: RUF001 - its own words
    "011": "size must be between 768*768 and 1440*1440 pixels",
    "012": "Aspect ratio must be between 1:4 and 4:1",
    "013": "Invalid size format, must be ‘width*height’ with integers",  # noqa: RUF001 - its own words
}
TEXT = "input.messages.0.content.0.text"


def _broken(digits: str, param: str | None = None) -> Broken:
    return Broken(message=SENTENCES[digits], provider_code=f"001015{digits}", param=param)


def _input(values: Mapping[str, Any]) -> Broken | None:
    return None if isinstance(values.get("input"), Mapping) else _broken("001")


def _text(values: Mapping[str, Any]) -> Broken | None:
    messages = value_at(values, "input.messages")
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], Mapping):
        return _broken("002")
    if messages[0].get("role") != "user":
        return _broken("003", "input.messages.0.role")
    content = messages[0].get("content")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], Mapping):
        return _broken("004", "input.messages.0.content")
    text = content[0].get("text")
    if not isinstance(text, str):
        return _broken("005", TEXT)
    return None if text else _broken("006", TEXT)


def _whole(param: str, least: int, most: int, digits: str) -> Callable[[Mapping[str, Any]], Broken | None]:
    def check(values: Mapping[str, Any]) -> Broken | None:
        value = value_at(values, param)
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if value is None or fits else _broken(digits)

    return check


def _size(values: Mapping[str, Any]) -> Broken | None:
    size = value_at(values, "parameters.size")
    if size is None:
        return None
    sides = size.split("*") if isinstance(size, str) else []
    if len(sides) != 2:  # noqa: PLR2004 - width and height
        return _broken("010")
    if not all(side.isascii() and side.isdecimal() and len(side) <= 6 and int(side) for side in sides):  # noqa: PLR2004 - no image is so wide
        return _broken("013")
    width, height = int(sides[0]), int(sides[1])
    if not MIN_PIXELS <= width * height <= MAX_PIXELS:
        return _broken("011")
    return _broken("012") if max(width, height) > MAX_ASPECT * min(width, height) else None


# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
LIMITS: tuple[Limit, ...] = tuple(
    replace(limit, models=MODELS)
    for limit in (
        Limit(param="input", says="required", check=_input),
        Limit(
            param="input.messages",
            says=f"one of role user with one text of 1-{MAX_CHARACTERS} characters",
            check=_text,
        ),
        note("parameters.negative_prompt", f"{MAX_NEGATIVE_CHARACTERS} characters"),
        Limit(param="parameters.n", says=f"1-{MAX_IMAGES}", check=_whole("parameters.n", 1, MAX_IMAGES, "008")),
        Limit(param="parameters.seed", says=f"0-{MAX_SEED}", check=_whole("parameters.seed", 0, MAX_SEED, "009")),
        Limit(
            param="parameters.size", says="width*height, 768*768 to 1440*1440 pixels, aspect 1:4 to 4:1", check=_size
        ),
    )
)
