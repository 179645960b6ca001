"""The bounds of what is kept and shown: what callers write beside their orders, and what providers say.

A generation is loaded, listed, announced and delivered as a whole, so everything in it is bounded where it comes in.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure
from arrivals.core.generation import Cost, Output, text_output
from arrivals.core.media import is_inline, media_type, output_objection, read_data_uri
from arrivals.core.observation import Reading
from arrivals.core.wire import canonical_json

MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_KEYS = 64
MAX_OUTPUTS = 256
MAX_NOTES = 64
MAX_ALTERNATIVES = 64
MAX_WORD_CHARACTERS = 500  # an id, a code, a name
MAX_TEXT_CHARACTERS = 4000  # sentences for people


def metadata_objection(metadata: Mapping[str, Any]) -> str | None:
    """The objection to an order's metadata, or to what a filter compares it with; None if there is none."""
    if len(metadata) > MAX_METADATA_KEYS:
        return f"has {len(metadata)} keys; at most {MAX_METADATA_KEYS} are kept"
    size = len(canonical_json(metadata))
    if size > MAX_METADATA_BYTES:
        return f"is {size} bytes of JSON; at most {MAX_METADATA_BYTES} are kept"
    return None


def bounded(reading: Reading) -> Reading:
    """A reading whose parts are all short enough to be kept; a note says what was dropped.

    An id or a URL that is cut leads nowhere, so one that is too long is not known at all; a text is cut.
    """
    outputs, dropped = _outputs(reading.outputs)
    outputs, unreadable = _with_text_outputs(outputs)
    external_id = reading.external_id
    if external_id is not None and len(external_id) > MAX_WORD_CHARACTERS:
        external_id = None
        dropped.append(f"an id of {len(reading.external_id or '')} characters was dropped")
    notes = [*dropped, *unreadable, *reading.notes][:MAX_NOTES]
    return replace(
        reading,
        provider_status=_word(reading.provider_status),
        external_id=external_id,
        outputs=outputs,
        failure=bounded_failure(reading.failure) if reading.failure else None,
        cost=_cost(reading.cost),
        notes=tuple(_cut(note, MAX_TEXT_CHARACTERS) for note in notes),
    )


def bounded_failure(failure: Failure) -> Failure:
    """A failure whose words are cut where they go on too long."""
    alternatives = failure.alternatives
    return replace(
        failure,
        message=None if failure.message is None else _cut(failure.message, MAX_TEXT_CHARACTERS),
        suggestion=None if failure.suggestion is None else _cut(failure.suggestion, MAX_TEXT_CHARACTERS),
        provider_code=_word(failure.provider_code),
        param=_word(failure.param),
        trace_id=_word(failure.trace_id),
        alternatives=tuple(_cut(alternative, MAX_WORD_CHARACTERS) for alternative in alternatives[:MAX_ALTERNATIVES])
        if alternatives
        else alternatives,
    )


def _outputs(outputs: tuple[Output, ...]) -> tuple[tuple[Output, ...], list[str]]:
    """The outputs that can be kept, and notes about the others."""
    judged = [(output, output_objection(output.url)) for output in outputs]
    dropped = [f"output {number} was dropped: {objection}" for number, (_, objection) in enumerate(judged) if objection]
    fitting = [output for output, objection in judged if objection is None]
    if len(fitting) > MAX_OUTPUTS:
        dropped.append(f"{len(fitting) - MAX_OUTPUTS} outputs beyond the first {MAX_OUTPUTS} were dropped")
    kept = (replace(output, content_type=media_type(output.content_type)) for output in fitting[:MAX_OUTPUTS])
    return tuple(kept), dropped


def _with_text_outputs(outputs: tuple[Output, ...]) -> tuple[tuple[Output, ...], list[str]]:
    """The outputs, with each malformed data URI as a text output of its own words; an empty one is dropped."""
    if not any(is_inline(output.url) for output in outputs):
        return outputs, []
    legible, notes = [], []
    for number, output in enumerate(outputs):
        inline = read_data_uri(output.url) if is_inline(output.url) else None
        if inline is not None and not inline.content:
            notes.append(f"output {number} was dropped: it is empty")
            continue
        malformed = inline is None and is_inline(output.url)
        if malformed:
            notes.append(f"output {number} is not a data URI: it is kept as text")
        legible.append(text_output(output.url) if malformed else output)
    return tuple(legible), notes


def _cost(cost: Cost | None) -> Cost | None:
    """The cost, or None where it is too long: an amount that is cut is another amount."""
    if cost is None or len(cost.amount) > MAX_WORD_CHARACTERS or len(cost.currency) > MAX_WORD_CHARACTERS:
        return None
    return cost


def _word(text: str | None) -> str | None:
    return None if text is None else _cut(text, MAX_WORD_CHARACTERS)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
