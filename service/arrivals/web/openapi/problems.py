"""The errors of the document: each once, and which of them an operation may answer with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from arrivals.web.api.schemas import OrderBody
from arrivals.web.endpoint import Endpoint
from arrivals.web.errors import MEDIA_TYPE, Problem
from arrivals.web.openapi.components import Schema
from arrivals.web.openapi.examples import MISSPELT
from arrivals.web.validation import read_body

ALWAYS = {431}
OF_A_SCOPE = {401, 403, 429}
OF_A_BODY = {400, 408, 413, 422}
RETRY_AFTER = {"Retry-After": "seconds after which the request may succeed"}
CHALLENGE = {"WWW-Authenticate": "`Bearer`"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as readers see it: its name among the components, its codes, and its headers."""

    name: str
    description: str
    headers: Mapping[str, str] = field(default_factory=dict)


REFUSALS: Mapping[str, Refusal] = {
    "400": Refusal(
        name="BadRequest",
        description="The body is not JSON (`invalid_json`), or the request ended before it did (`disconnected`).",
    ),
    "401": Refusal(
        name="Unauthorized",
        description="The API key is missing (`key_missing`) or not valid (`key_invalid`).",
        headers=CHALLENGE,
    ),
    "403": Refusal(name="Forbidden", description="The API key lacks the scope (`scope_missing`)."),
    "404": Refusal(name="NotFound", description="There is nothing with this id or number."),
    "408": Refusal(name="TooSlow", description="The request did not come in time (`too_slow`)."),
    "409": Refusal(name="Conflict", description="The state of things does not allow it; the `code` names the reason."),
    "413": Refusal(name="TooLarge", description="The body is too large (`too_large`)."),
    "416": Refusal(name="RangeNotSatisfiable", description="The output has no such bytes (`range_not_satisfiable`)."),
    "422": Refusal(
        name="Invalid",
        description=(
            "The request cannot be used (`invalid_request`); `errors` names each wrong field. Of an order also: the"
            " provider would refuse it (`refused_by_preflight`), or its key stands for another order"
            " (`idempotency_key_reused`)."
        ),
    ),
    "429": Refusal(
        name="TooManyRequests",
        description=(
            "The account's request budget is used up (`over_budget`), too many requests are held open"
            " (`too_many_held`), or too many keys were wrong (`too_many_failures`)."
        ),
        headers=RETRY_AFTER,
    ),
    "431": Refusal(name="HeadersTooLarge", description="The headers are too large (`head_too_large`)."),
    "503": Refusal(
        name="NotReady",
        description="Nothing can be stored, or a worker does not claim (`not_ready`).",
        headers=RETRY_AFTER,
    ),
    "5XX": Refusal(
        name="ServerError",
        description=(
            "Something went wrong here (`internal`) or at the provider (`output_unavailable`), or nothing can be stored"
            " just now (`store_unavailable`, `busy`): send the request again, with the same `Idempotency-Key`."
        ),
        headers=RETRY_AFTER,
    ),
}


def responses(problem: Schema) -> dict[str, dict[str, Any]]:
    """Every error, for the components; `problem` is the schema that all of them have."""
    examples = {"400": _problem_of(b'{"provider": '), "422": _problem_of(msgspec.json.encode(MISSPELT))}
    return {
        refusal.name: {
            "description": refusal.description,
            **({"headers": _headers(refusal.headers)} if refusal.headers else {}),
            "content": {
                MEDIA_TYPE: {"schema": problem, **({"example": examples[status]} if status in examples else {})}
            },
        }
        for status, refusal in REFUSALS.items()
    }


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in headers.items()}


def _problem_of(body: bytes) -> Any:
    """The very answer to an order that cannot be read."""
    try:
        read_body(body, OrderBody)
    except Problem as problem:
        return msgspec.to_builtins(problem.details)
    raise ValueError("an order that can be read is no example of an error")


def refusals(endpoint: Endpoint) -> dict[str, Schema]:
    """Every error that an endpoint may answer with."""
    statuses = ALWAYS | set(endpoint.refuses)
    statuses |= OF_A_SCOPE if endpoint.scope else set()
    statuses |= {404} if "{" in endpoint.path else set()
    statuses |= {422} if endpoint.query else set()
    statuses |= OF_A_BODY if endpoint.body else set()
    return {
        status: {"$ref": f"#/components/responses/{REFUSALS[status].name}"}
        for status in [*map(str, sorted(statuses)), "5XX"]
    }
