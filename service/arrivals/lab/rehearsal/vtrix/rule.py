"""The rules of Vtrix for an order of `wan26_t2i`: thirteen of them, each with its code."""

from typing import Any

MAX_TEXT = 2100
MAX_NEGATIVE = 500
MAX_IMAGES = 4
MAX_SEED = 2147483647
MIN_PIXELS = 768 * 768
MAX_PIXELS = 1440 * 1440
MAX_RATIO = 4

# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i: code, description
RULES = {
    "001015001": "Missing required field input",
    "001015002": "input.messages must contain one message",
    "001015003": "message.role must be user",
    "001015004": "message.content must contain one text object",
    "001015005": "content[0] must contain text field",
    "001015006": "Text length must be between 1-2100 characters",
    "001015007": "negative_prompt cannot exceed 500 characters",
    "001015008": "n must be an integer between 1 and 4",
    "001015009": "seed must be an integer between 0 and 2147483647",
    "001015010": "size format must be ‘width*height’",  # noqa: RUF001 - the page's own quotation marks
    "001015011": "size must be between 768*768 and 1440*1440 pixels",
    "001015012": "Aspect ratio must be between 1:4 and 4:1",
    "001015013": "Invalid size format, must be ‘width*height’ with integers",  # noqa: RUF001 - as above
}


def broken(params: Any) -> str | None:
    """The code of the first rule that this order breaks."""
    if not isinstance(params, dict) or not isinstance(params.get("input"), dict):
        return "001015001"
    parameters = params.get("parameters")
    return _message(params["input"].get("messages")) or _parameters(parameters if isinstance(parameters, dict) else {})


def _message(messages: Any) -> str | None:
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        return "001015002"
    if messages[0].get("role") != "user":
        return "001015003"
    content = messages[0].get("content")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        return "001015004"
    if not isinstance(content[0].get("text"), str):
        return "001015005"
    return None if 1 <= len(content[0]["text"]) <= MAX_TEXT else "001015006"


def _parameters(parameters: dict[str, Any]) -> str | None:
    negative = parameters.get("negative_prompt", "")
    if not isinstance(negative, str) or len(negative) > MAX_NEGATIVE:
        return "001015007"
    if not _between(parameters.get("n", MAX_IMAGES), 1, MAX_IMAGES):
        return "001015008"
    if not _between(parameters.get("seed", 0), 0, MAX_SEED):
        return "001015009"
    return _size(parameters.get("size", "1280*1280"))


def _size(size: Any) -> str | None:
    parts = size.split("*") if isinstance(size, str) else []
    if len(parts) != len(("width", "height")):
        return "001015010"
    if not all(part.isascii() and part.isdigit() for part in parts):
        return "001015013"
    width, height = (int(part) for part in parts)
    if not MIN_PIXELS <= width * height <= MAX_PIXELS:
        return "001015011"
    return None if width <= height * MAX_RATIO and height <= width * MAX_RATIO else "001015012"


def _between(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
