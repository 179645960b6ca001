"""The size of an order, as far as it decides how long the work takes: seconds, resolution, number of outputs."""

from collections.abc import Mapping
from itertools import chain
import re
from typing import Any

SECONDS = ("seconds", "duration", "duration_seconds", "durationseconds", "video_length", "n_seconds", "length")
RESOLUTION = ("resolution", "size", "image_size", "quality", "output_resolution")
COUNT = ("n", "num_images", "number_of_images", "num_outputs", "numberofvideos", "max_images", "samplecount")
LONGEST_S, MOST = 3600, 64
WORD = re.compile(r"[0-9a-z.]{1,12}", re.ASCII)
PIXELS = re.compile(r"([0-9]{2,5}) ?[x*\u00d7] ?([0-9]{2,5})", re.ASCII)
MAX_FIELDS = 200


def order_size(order_input: Mapping[str, Any]) -> str:
    """The bucket of an order: `8s 720p n2`, for example; empty where nothing in it states a size."""
    fields = _fields(order_input)
    parts = (
        _stated(fields, SECONDS, _seconds),
        _stated(fields, RESOLUTION, _resolution),
        _stated(fields, COUNT, _count),
    )
    return " ".join(part for part in parts if part)


def _fields(order_input: Mapping[str, Any]) -> dict[str, Any]:
    """The plain fields of the order and of the objects directly in it; the outer ones win."""
    inner = (part.items() for part in list(order_input.values())[:MAX_FIELDS] if isinstance(part, Mapping))
    fields: dict[str, Any] = {}
    for _, (name, value) in zip(range(MAX_FIELDS), chain(order_input.items(), *inner), strict=False):
        if isinstance(value, str | int | float) and len(name) <= len("number_of_images"):
            fields.setdefault(name.lower(), value)
    return fields


def _stated(fields: Mapping[str, Any], names: tuple[str, ...], read: Any) -> str:
    return next((part for name in names if name in fields and (part := read(fields[name]))), "")


def _seconds(value: Any) -> str:
    number = _number(str(value).lower().removesuffix("s").strip())
    return f"{round(number)}s" if number is not None and 1 <= number <= LONGEST_S else ""


def _resolution(value: Any) -> str:
    word = str(value).lower().strip()
    pixels = PIXELS.fullmatch(word)
    if pixels:
        return f"{max(1, round(int(pixels[1]) * int(pixels[2]) / 1e6 * 4)) / 4:g}mp"
    return word if isinstance(value, str) and WORD.fullmatch(word) else ""


def _count(value: Any) -> str:
    number = _number(str(value))
    return f"n{round(number)}" if number is not None and 1 < number <= MOST else ""


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text, re.ASCII) else None
