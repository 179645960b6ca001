"""The number of outputs that an order requests, under any provider's name for it: so that missing ones show."""

from collections.abc import Mapping
from typing import Any

# https://docs.aihubmix.com/en/api/Image-Gen (n), https://doc.vtrix.ai/docs/api/qwen/wan26-t2i (parameters.n),
# https://docs.eachlabs.ai/api/predictions (as each model calls it: the others)
COUNTS = (
    "n", "num_images", "num_outputs", "number_of_images", "numberOfImages", "num_videos", "number_of_videos",
    "n_images", "sample_count", "sampleCount", "max_images", "images_count", "batch_size",
)  # fmt: skip
PARTS = ("parameters", "input", "inputs", "options")
MAX_OUTPUTS = 10_000


def outputs_requested(values: Mapping[str, Any]) -> int | None:
    """The number that an order's input names, at its top or one level down; None where it names none."""
    places = [values, *(part for name in PARTS if isinstance(part := values.get(name), Mapping))]
    counts = (place.get(name) for place in places for name in COUNTS)
    return next((count for value in counts if (count := _count(value)) is not None), None)


def _count(value: Any) -> int | None:
    """A whole number, also one written as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < len(str(MAX_OUTPUTS)):
        return int(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_OUTPUTS
    return int(value) if whole else None
