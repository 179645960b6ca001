"""The schemas of events, a struct for each type: readers of an event learn from its type what it holds."""

from typing import Any

from msgspec import Struct

from arrivals.web.api.schemas import GenerationSchema, Moment


class GenerationData(Struct):
    """The generation as it was when the event was announced."""

    generation: GenerationSchema


class ProcessingEvent(Struct, tag_field="type", tag="generation.processing"):
    """The provider was first seen to work on the generation."""

    id: str
    timestamp: Moment
    data: GenerationData


class CompletedEvent(Struct, tag_field="type", tag="generation.completed"):
    """The generation completed; it has outputs."""

    id: str
    timestamp: Moment
    data: GenerationData


class FailedEvent(Struct, tag_field="type", tag="generation.failed"):
    """The generation failed; its `failure` says why."""

    id: str
    timestamp: Moment
    data: GenerationData


class CanceledEvent(Struct, tag_field="type", tag="generation.canceled"):
    """The generation was canceled, by its caller or by the provider."""

    id: str
    timestamp: Moment
    data: GenerationData


class ExpiredEvent(Struct, tag_field="type", tag="generation.expired"):
    """The deadline passed before the end was known. Another event may still follow, whose generation is `late`."""

    id: str
    timestamp: Moment
    data: GenerationData


class PingEvent(Struct, tag_field="type", tag="ping"):
    """Somebody tests a subscriber; `data` is empty."""

    id: str
    timestamp: Moment
    data: dict[str, Any]


EVENT_SCHEMAS = (ProcessingEvent, CompletedEvent, FailedEvent, CanceledEvent, ExpiredEvent, PingEvent)
AnyEvent = ProcessingEvent | CompletedEvent | FailedEvent | CanceledEvent | ExpiredEvent | PingEvent


class EventPage(Struct):
    """A page of events. `next` is the cursor to continue from, always; `more`: there is another page already."""

    data: list[AnyEvent]
    next: str
    more: bool
