"""The one table exception → status, and the one schema of an error: RFC 9457 problem details.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
import math
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import ClientDisconnect
from starlette.responses import Response
import structlog

from arrivals.core.cursor import UnknownCursor
from arrivals.core.event import public_failure
from arrivals.core.failure import Failure
from arrivals.flow.admin.replay import NotCancelable as ReplayNotCancelable
from arrivals.flow.admin.replay import NotReplayable
from arrivals.flow.callback_url import UnknownToken
from arrivals.flow.context import NotConfigured
from arrivals.flow.delivery.now import Delivered, EarlierFailed, InFlight, Paused
from arrivals.flow.delivery.redeliver import NotServed
from arrivals.flow.exchange.fetch import Unfetchable
from arrivals.flow.exchange.spend import OverBudget
from arrivals.flow.observation.poll import NotPollable
from arrivals.flow.submission.cancel import NotCancelable
from arrivals.flow.submission.order import InvalidOrder, KeyReused, RefusedByPreflight
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.providers.contract import Unverified
from arrivals.store.engine.base import Missing, Unavailable
from arrivals.web.api.schemas import FailureSchema

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
CHALLENGE = {"www-authenticate": "Webhook"}
SOON = {"retry-after": "5"}
CLOSES = {"connection": "close"}  # what was not read would look like the next request


class FieldError(msgspec.Struct):
    """A mistake in one field; `field` is its path, `$` the whole body."""

    field: str
    detail: str


class ProblemSchema(msgspec.Struct):
    """Every error (RFC 9457). `failure` is present where the provider would refuse the order."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError]
    failure: FailureSchema | UnsetType = UNSET


class Problem(Exception):
    """An answer that is an error. `code` is for programs, `detail` for people: it says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        failure: Failure | None = None,
    ) -> None:
        super().__init__(detail)
        self.details = ProblemSchema(
            type=f"urn:arrivals:problem:{code}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            errors=list(errors),
            failure=msgspec.convert(public_failure(failure), FailureSchema) if failure else UNSET,
        )
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The problem as an HTTP response."""
        body = msgspec.json.encode(self.details)
        return Response(body, self.details.status, headers=self.headers, media_type=MEDIA_TYPE)


def invalid(field: str, detail: str) -> Problem:
    """The problem of one field that cannot be used."""
    return Problem(422, "invalid_request", f"{field}: {detail}", [FieldError(field, detail)])


def _preflight(error: RefusedByPreflight) -> Problem:
    detail = f"{error.where}: {error}"
    return Problem(422, "refused_by_preflight", detail, [FieldError(error.where, str(error))], failure=error.failure)


def _no_output(error: Exception) -> Problem:
    return Problem(502, "output_unavailable", f"the provider did not hand the output out: {error}")


# exception: the problem that a caller sees
MEANINGS: Mapping[type[BaseException], Callable[[Any], Problem]] = {
    Problem: lambda error: error,
    Missing: lambda _: Problem(404, "not_found", "there is nothing with this id"),
    InvalidOrder: lambda error: invalid(error.field, str(error)),
    RefusedByPreflight: _preflight,
    KeyReused: lambda _: Problem(
        422, "idempotency_key_reused", str(KeyReused.__doc__), [FieldError("Idempotency-Key", "in use")]
    ),
    NotCancelable: lambda error: Problem(409, "not_cancelable", str(error)),
    ReplayNotCancelable: lambda error: Problem(409, "not_cancelable", str(error)),
    NotReplayable: lambda error: Problem(409, "not_replayable", str(error)),
    NotServed: lambda _: Problem(409, "disabled", str(NotServed.__doc__)),
    Delivered: lambda _: Problem(409, "delivered", str(Delivered.__doc__)),
    InFlight: lambda _: Problem(409, "in_flight", str(InFlight.__doc__)),
    EarlierFailed: lambda error: Problem(409, "earlier_failed", str(error)),
    Paused: lambda _: Problem(409, "paused", str(Paused.__doc__)),
    NotPollable: lambda error: Problem(409, "not_pollable", str(error)),
    OverBudget: lambda error: Problem(
        429, "over_budget", str(error), headers={"retry-after": f"{math.ceil(error.wait_s)}"}
    ),
    NotConfigured: lambda error: Problem(503, "account_not_configured", str(error), headers=SOON),
    Unavailable: lambda _: Problem(503, "store_unavailable", "nothing can be stored just now; try again", headers=SOON),
    ClientDisconnect: lambda _: Problem(400, "disconnected", "the request ended before its body did"),
    UnknownCursor: lambda error: Problem(409, "cursor_unknown", str(error)),
    UnknownToken: lambda _: Problem(404, "unknown_token", "this is not a callback URL of ours", headers=CLOSES),
    Unverified: lambda _: Problem(401, "unverified", "this webhook is not authenticated", headers=CHALLENGE),
    Unfetchable: _no_output,
    NotSent: _no_output,
    NoAnswer: _no_output,
}


def problem_of(error: BaseException) -> Problem:
    """The problem for an exception. One that is not in the table is a bug: logged, and answered without detail."""
    for kind in type(error).__mro__:  # a subclass means what its base in the table means
        if kind in MEANINGS:
            return MEANINGS[kind](error)
    log.error("request_failed", exc_info=error)
    return Problem(500, "internal", "something went wrong here; the log says what")


def from_validation(error: msgspec.MsgspecError | ValueError) -> Problem:
    """The problem for a decoder's error, which ends in the field's path: "Expected `int`, got `str` - at `$.limit`"."""
    if not isinstance(error, msgspec.ValidationError):
        return Problem(400, "invalid_json", f"the body is not JSON: {error}", [FieldError("$", str(error))])
    detail, _, path = str(error).partition(" - at `")
    steps = (path.removesuffix("`").removeprefix("$").removeprefix("."), _named_in(detail))
    return invalid(".".join(step for step in steps if step) or "$", detail)


def _named_in(detail: str) -> str:
    """The missing or unknown field that the sentence names: "Object missing required field `provider`"."""
    parts = detail.split("`")
    return parts[1] if "field" in detail and len(parts) > 1 else ""
