"""The metadata of orders: what of it can be looked up, and how a value is written in a filter."""

from collections.abc import Mapping
from typing import Any

from arrivals.core.wire import to_json

MAX_VALUE_CHARACTERS = 500  # longer ones are kept and shown, and found by no filter


def searchable(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The values that can be looked up, as text: strings as they are, numbers and booleans as in JSON."""
    texts = {
        key: value if isinstance(value, str) else to_json(value)
        for key, value in metadata.items()
        if isinstance(value, str | int | float)
    }
    return {key: text for key, text in texts.items() if len(text) <= MAX_VALUE_CHARACTERS}
