"""JSON for people's eyes: what is long in it is cut to its beginning."""

from typing import Any

MAX_CHARACTERS = 10_000
SHOWN_CHARACTERS = 200


def shortened(value: Any) -> Any:
    """The same JSON; a string of more than 10,000 characters, a file in most cases, says how long it is."""
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {name: shortened(part) for name, part in value.items()}
    return [shortened(part) for part in value] if isinstance(value, list) else value
