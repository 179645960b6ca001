"""The one table exception → status, and the one schema of an error: RFC 9457 problem details.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
import math
import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import ClientDisconnect
from starlette.responses import Response
import structlog

from arrivals.core.cursor import UnknownCursor
from arrivals.core.event import public_failure
from arrivals.core.failure import Failure
from arrivals.core.ids import KINDS, LENGTH, is_id, kind_of
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
from arrivals.web.allowed import clipped
from arrivals.web.api.schemas import FailureSchema

log = structlog.get_logger()

_LIKE_AN_ID = re.compile(r"[\w.~-]{1,64}", re.ASCII)

MAX_ERRORS = 20  # of one request that are named
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
    return refused([FieldError(field, detail)])


def refused(errors: Sequence[FieldError]) -> Problem:
    """The problem of fields that cannot be used, at least one."""
    shown = errors[:MAX_ERRORS]
    detail = "; ".join(f"{error.field}: {error.detail}" for error in shown)
    return Problem(422, "invalid_request", detail + ("; and more" if len(errors) > len(shown) else ""), shown)


def not_json(error: ValueError) -> Problem:
    """The problem of a body that cannot be read as JSON, or that would unfold into too much."""
    why = f"it is not UTF-8 (byte {error.start})" if isinstance(error, UnicodeDecodeError) else str(error)
    return Problem(400, "invalid_json", f"the body is not JSON: {why}", [FieldError("$", why)])


def _preflight(error: RefusedByPreflight) -> Problem:
    problem = refused([FieldError(*mistake) for mistake in error.mistakes])
    return Problem(422, "refused_by_preflight", str(problem), problem.details.errors, failure=error.failure)


def _no_output(error: Exception) -> Problem:
    return Problem(502, "output_unavailable", f"the provider did not hand the output out: {error}")


def not_found(kind: str, name: str) -> str:
    """The words where nothing of this kind has this id; also what the id is of, if it is one of ours."""
    other = kind_of(name)
    shown = name if _LIKE_AN_ID.fullmatch(name) else f"`{clipped(name)}`"
    detail = f"no {kind} has the id {shown}"
    if other is not None and other != kind:
        return f"{detail}; {name.partition('_')[0]}_… is {_a(other)}, not {_a(kind)}"
    prefix = next((prefix for prefix, named in KINDS.items() if named == kind), None)
    if prefix is not None and not is_id(name, prefix):
        return f"{detail}; {_a(kind)}'s id is {prefix}_ and {LENGTH} letters and digits"
    return detail


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeA' else 'a'} {kind}"


# exception: the problem that a caller sees
MEANINGS: Mapping[type[BaseException], Callable[[Any], Problem]] = {
    Problem: lambda error: error,
    Missing: lambda error: Problem(404, "not_found", not_found(error.kind, error.name)),
    InvalidOrder: lambda error: refused([FieldError(*mistake) for mistake in error.mistakes.items()]),
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
