"""Masks the secrets of a call in every text that is kept of its answer."""

import base64
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from arrivals.core.failure import Failure
from arrivals.core.generation import Output
from arrivals.core.mask import Mask
from arrivals.core.media import is_inline, read_data_uri
from arrivals.core.observation import Reading

IN_WORDS = ("text/", "application/json")


def masked_reading(mask: Mask, reading: Reading) -> Reading:
    """The reading without secrets; itself where it repeats none. Made of one that is bounded."""
    inline = any(is_inline(output.url) for output in reading.outputs)
    if not inline and not mask.touches(_texts(reading)):
        return reading
    return replace(
        reading,
        provider_status=_masked(mask, reading.provider_status),
        external_id=_masked(mask, reading.external_id),
        outputs=tuple(_masked_output(mask, output) for output in reading.outputs),
        failure=masked_failure(mask, reading.failure) if reading.failure else None,
        provider_details=masked_json(mask, reading.provider_details),
        notes=tuple(mask.text(note) for note in reading.notes),
    )


def masked_failure(mask: Mask, failure: Failure) -> Failure:
    """The failure without secrets in any of the provider's words."""
    alternatives = failure.alternatives
    return replace(
        failure,
        message=_masked(mask, failure.message),
        suggestion=_masked(mask, failure.suggestion),
        provider_code=_masked(mask, failure.provider_code),
        param=_masked(mask, failure.param),
        trace_id=_masked(mask, failure.trace_id),
        alternatives=tuple(mask.text(alternative) for alternative in alternatives) if alternatives else alternatives,
        details=masked_json(mask, failure.details),
    )


def masked_json(mask: Mask, value: Any) -> Any:
    """A JSON value without secrets in any of its texts."""
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, dict):
        return {mask.text(name): masked_json(mask, part) for name, part in value.items()}
    return [masked_json(mask, part) for part in value] if isinstance(value, list) else value


def _texts(reading: Reading) -> list[str]:
    failure = reading.failure
    texts = [reading.provider_status, reading.external_id, *reading.notes, *(output.url for output in reading.outputs)]
    if failure is not None:
        texts += [failure.message, failure.suggestion, failure.provider_code, failure.param, failure.trace_id]
        texts += [*(failure.alternatives or ()), *_texts_in(failure.details)]
    texts += _texts_in(reading.provider_details)
    return [text for text in texts if text is not None]


def _texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, the names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_in(part)


def _masked(mask: Mask, text: str | None) -> str | None:
    return None if text is None else mask.text(text)


def _masked_output(mask: Mask, output: Output) -> Output:
    """The output without secrets. Of inline content only text: in other bytes a secret's letters may be chance."""
    if not is_inline(output.url):
        return replace(output, url=mask.text(output.url), content_type=_masked(mask, output.content_type))
    inline = read_data_uri(output.url)
    if inline is None or not inline.content_type.startswith(IN_WORDS):
        return output
    content = mask.octets(inline.content)
    if content == inline.content:
        return output
    return replace(output, url=f"data:{inline.content_type};base64,{base64.b64encode(content).decode()}")
