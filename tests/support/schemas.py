"""The check of any value that a reader may return, whatever its bytes."""

import msgspec

from arrivals.core.failure import Failure
from arrivals.core.observation import Reading
from arrivals.core.wire import rfc3339


def is_sound(reading):
    """True where a value's types are as declared, its numbers within bounds, and its moments can be written."""
    if not isinstance(reading, Reading):
        return reading is None or msgspec.convert(msgspec.to_builtins(reading), Failure) == reading
    written = [rfc3339(output.expires_at) for output in reading.outputs]
    again = msgspec.convert(msgspec.to_builtins(reading), Reading)
    return "" not in written and again == reading and (reading.progress is None or 0.0 <= reading.progress <= 1.0)
