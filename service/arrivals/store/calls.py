"""Our calls to providers about generations, and their answers ↔ rows."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from arrivals.core.failure import Failure
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.store.engine.base import Row, Tx
from arrivals.store.engine.queries import load

SQL = load("calls")
MAX_KEPT = 50  # of one generation, the latest; repetitions are counted


class CallKind(StrEnum):
    """The purpose of a call."""

    POLL = "poll"
    SUBMISSION = "submission"
    CANCELLATION = "cancellation"


class Outcome(StrEnum):
    """Our reading of the answer."""

    UNDERSTOOD = "understood"
    REFUSED = "refused"  # the provider said no, and why
    UNREADABLE = "unreadable"  # we do not understand the answer
    UNANSWERED = "unanswered"  # the call may have arrived
    NOT_SENT = "not_sent"  # certainly nothing arrived


class Call(Struct, frozen=True, kw_only=True):
    """One call. `request`: method and URL; `size`: of the whole answer in bytes, of which `body` is the beginning."""

    id: str
    generation_id: str
    at: Micros
    kind: CallKind
    request: str
    outcome: Outcome
    http_status: int | None = None
    reason: str | None = None
    failure: Failure | None = None
    size: int | None = None
    body: bytes | None = field(default=None)


class Refusal(Struct, frozen=True, kw_only=True):
    """The last call about a generation, with the reason for which it was of no use."""

    outcome: Outcome
    reason: str | None = None
    failure: Failure | None = None
    http_status: int | None = None


async def keep(tx: Tx, call: Call) -> None:
    """Keeps a call, or counts it where the one before it had the same outcome."""
    rows = await tx.fetch(SQL["last_call"], generation_id=call.generation_id)
    values = _values(call)
    if rows and _outcome_of(rows[0]) == _outcome_of(values):
        await tx.fetch(SQL["repeat_call"], id=rows[0]["id"], at=call.at)
        return
    await tx.fetch(SQL["insert_call"], **values)
    await tx.fetch(SQL["trim_calls"], generation_id=call.generation_id, limit=MAX_KEPT, keep=MAX_KEPT)


async def last_of(tx: Tx, generation_id: str) -> Refusal | None:
    """The last stored call about a generation."""
    rows = await tx.fetch(SQL["last_call"], generation_id=generation_id)
    return _refusal(rows[0]) if rows else None


async def last_refusals(tx: Tx, generation_ids: Sequence[str]) -> dict[str, Refusal]:
    """The last answer to a poll of each generation, where one is stored and it was of no use."""
    rows = await tx.fetch(SQL["last_refusals"], ids=to_json(sorted(set(generation_ids)))) if generation_ids else []
    last = {row["generation_id"]: _refusal(row) for row in rows}
    return {
        generation_id: refusal for generation_id, refusal in last.items() if refusal.outcome is not Outcome.UNDERSTOOD
    }


def _outcome_of(row: Row) -> tuple[Any, ...]:
    body = row["body"]
    facts = (row[name] for name in ("kind", "request", "http_status", "outcome", "reason"))
    return (*facts, None if body is None else bytes(body))


def _values(call: Call) -> dict[str, Any]:
    return {
        "id": call.id,
        "generation_id": call.generation_id,
        "at": call.at,
        "kind": call.kind,
        "request": call.request,
        "http_status": call.http_status,
        "outcome": call.outcome,
        "reason": call.reason,
        "failure": to_json(call.failure) if call.failure else None,
        "size": call.size,
        "body": call.body,
    }


def _refusal(row: Row) -> Refusal:
    return Refusal(
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        failure=from_json(row["failure"], Failure) if row["failure"] is not None else None,
        http_status=row["http_status"],
    )
