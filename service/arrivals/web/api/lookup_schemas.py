"""The schemas of looking up generations: what a list is filtered by, and what was ordered."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from arrivals.core.generation import Status
from arrivals.core.metadata import MAX_VALUE_CHARACTERS
from arrivals.store.generation_lists import PLACES
from arrivals.web.api.objections import before
from arrivals.web.api.schemas import GenerationSchema, Limit, Moment, Name, StatusWord

MAX_WATCHED = 50
MetadataFilter = Annotated[
    dict[str, Annotated[str, Meta(max_length=MAX_VALUE_CHARACTERS)]],
    Meta(
        description="`metadata[key]=value`, up to three; numbers and booleans are matched as JSON writes them",
        max_length=len(PLACES),
    ),
]


class GenerationsQuery(Struct, forbid_unknown_fields=True):
    """Newest first; `after` is the cursor of the page before."""

    status: Annotated[
        list[StatusWord], Meta(min_length=1, max_length=len(Status), description="one or several, `a,b`")
    ] = []
    provider: Name | None = None
    model: Name | None = None
    external_id: Annotated[Name, Meta(description="the provider's id")] | None = None
    api_key: Annotated[Name, Meta(description="the id of the API key that ordered it")] | None = None
    metadata: MetadataFilter = {}
    since: Moment | None = None
    until: Moment | None = None
    after: Annotated[str, before("gen")] | None = None
    limit: Limit = 50


class ChangesQuery(Struct, forbid_unknown_fields=True):
    """Without `generation` what is under way and what closed in the last minute: the newest of each."""

    provider: Name | None = None
    model: Name | None = None
    generation: Annotated[
        list[Name], Meta(min_length=1, max_length=MAX_WATCHED, description="these alone, `a,b`, however old")
    ] = []


class GenerationWithInputSchema(GenerationSchema):
    """A generation and its order's `input`, where strings of more than 10,000 characters are cut to their beginning.

    `GET /v1/generations/{id}/input` has it whole.
    """

    input: dict[str, Any]


class OrderInputSchema(Struct):
    """The input of an order, as it came."""

    input: dict[str, Any]
