"""The directive: the faults that a prompt asks its stand-in for, as `[rehearse word=value word=value]`.

This module only reads text. An unknown word is an error, so that a typing mistake never passes for a fault.
"""

from dataclasses import dataclass
from enum import StrEnum
import hashlib
import math
import re
from typing import TypeVar

MARK = "[rehearse"
_SHAPE = re.compile(r"\[rehearse((?:\s[^\]]*)?)\]")
_REF = re.compile(r"[A-Za-z0-9._~-]{1,80}")
_REF_CHARACTERS = 12

Fault = TypeVar("Fault", bound=StrEnum)


class UnknownFault(Exception):
    """The prompt asks for a fault that does not exist."""


class WebhookFault(StrEnum):
    """A fault of a job's closing webhook."""

    LOST = "lost"  # never sent
    LATE = "late"  # well after the job ended
    TWICE = "twice"
    REORDERED = "reordered"  # a stale "running" webhook follows the closing one
    EARLY = "early"  # sent and answered before the submit answer
    FORGED = "forged"  # a false webhook from somebody else comes first
    UNREADABLE = "unreadable"  # a body that is not JSON comes first
    HUGE = "huge"  # a body of 12 MiB comes first
    CHUNKED = "chunked"  # its body comes in pieces, without a length
    CONTRADICTION = "contradiction"  # the opposite follows, as well authenticated as the truth


class SubmitFault(StrEnum):
    """An answer to a submission other than plain acceptance."""

    TOO_MANY = "429"
    PAYMENT = "402"
    UNAVAILABLE = "503"
    BROKEN = "500"
    PAGE = "page"  # 503 page of a front with nothing behind it
    CUT = "cut"  # accepted, but the connection drops in the middle of the answer


class PollFault(StrEnum):
    """An answer to a poll other than the plain truth."""

    FAIL = "fail"  # 500 and 503 in turn
    LAG = "lag"  # not found, for now
    ODD = "odd"  # a status word that no page documents
    LIMITED = "limited"  # 429
    BEHIND = "behind"  # the truth of a second ago
    CASE = "case"  # the truth, with status words in another case and with spaces
    MANGLED = "mangled"  # the truth, in JSON that is cut within a character
    MOVED = "moved"  # a redirect to another address of the same origin
    PAGE = "page"  # 503 page of a front with nothing behind it
    REFUSED = "refused"  # refused with 422, which concerns this task alone
    GONE = "gone"  # not found forever, once the job has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDirective:
    """The faults that one order asks for. A count of infinity means every time."""

    ref: str
    outcome: str = "completed"
    empty: float = 0
    webhook: frozenset[WebhookFault] = frozenset()
    late: float = 1.0
    submit: tuple[tuple[SubmitFault, float], ...] = ()
    poll: tuple[tuple[PollFault, float], ...] = ()
    gone: bool = False
    inline: bool = False
    run_s: float | None = None
    dialect: str | None = None

    @property
    def dialects(self) -> frozenset[str]:
        """Every word of `dialect=`."""
        return frozenset() if self.dialect is None else frozenset(self.dialect.split(","))

    def submit_fault(self, attempt: int) -> SubmitFault | None:
        """The fault of this attempt, counted from 1; each word of the list takes its share of attempts in turn."""
        return _due(self.submit, attempt)

    def poll_fault(self, poll: int) -> PollFault | None:
        """The fault of this poll, counted from 1; each word of the list takes its share of polls in turn."""
        return _due(self.poll, poll)


def read(text: str) -> FaultDirective:
    """The directive in the text, or one without faults. Raises UnknownFault."""
    match = _SHAPE.search(text)
    if match is None:
        if MARK in text:
            raise UnknownFault(f"{MARK} …: the bracket is not closed")
        return FaultDirective(ref=hashlib.sha256(text.encode()).hexdigest()[:_REF_CHARACTERS])
    words = [word.partition("=") for word in match[1].split()]
    values = {name: value for name, _, value in words}
    if len(values) < len(words):
        raise UnknownFault(f"a word is given twice in {match[0]}")
    ref = values.pop("ref", hashlib.sha256(text.encode()).hexdigest()[:_REF_CHARACTERS])
    if _REF.fullmatch(ref) is None:
        raise UnknownFault(f"ref={ref}: letters, digits and ._~- only")
    outcome, empty = _outcome(values.pop("outcome", "completed"))
    webhook, late = _webhook(values.pop("webhook", ""))
    poll = _faults(PollFault, "poll", values.pop("poll", ""))
    directive = FaultDirective(
        ref=ref,
        outcome=outcome,
        empty=empty,
        webhook=webhook,
        late=late,
        submit=_faults(SubmitFault, "submit", values.pop("submit", "")),
        poll=tuple((fault, times) for fault, times in poll if fault is not PollFault.GONE),
        gone=any(fault is PollFault.GONE for fault, _ in poll),
        inline=_inline(values.pop("output", "url")),
        run_s=_number("run", values.pop("run", None)),
        dialect=values.pop("dialect", None),
    )
    if values:
        raise UnknownFault(f"unknown fault {', '.join(values)}")
    return directive


def _outcome(value: str) -> tuple[str, float]:
    word, _, count = value.partition(":")
    if word == "empty":
        return "completed", (_number("outcome=empty", count or None) or math.inf)
    if count:
        raise UnknownFault(f"unknown fault outcome={value}")
    return word, 0


def _inline(value: str) -> bool:
    if value not in ("url", "inline"):
        raise UnknownFault(f"unknown fault output={value}")
    return value == "inline"


def _webhook(value: str) -> tuple[frozenset[WebhookFault], float]:
    faults = set()
    late = 1.0
    for word in filter(None, value.split(",")):
        name, _, count = word.partition(":")
        fault = _member(WebhookFault, name)
        if fault is None or (count and fault is not WebhookFault.LATE):
            raise UnknownFault(f"unknown fault webhook={word}")
        faults.add(fault)
        late = _number("webhook=late", count or None) or late
    return frozenset(faults), late


def _faults(kind: type[Fault], name: str, value: str) -> tuple[tuple[Fault, float], ...]:
    faults = []
    for word in filter(None, value.split(",")):
        fault_name, _, count = word.partition(":")
        fault = _member(kind, fault_name)
        if fault is None:
            raise UnknownFault(f"unknown fault {name}={word}")
        times = _number(f"{name}={fault_name}", count or None)
        faults.append((fault, math.inf if times is None else times))
    return tuple(faults)


def _member(kind: type[Fault], value: str) -> Fault | None:
    try:
        return kind(value)
    except ValueError:
        return None


def _number(name: str, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        raise UnknownFault(f"unknown fault {name}: {value!r} is not a number") from None
    if not math.isfinite(number) or number < 0:
        raise UnknownFault(f"unknown fault {name}: {value!r} is not a number from 0 up")
    return number


def _due(faults: tuple[tuple[Fault, float], ...], turn: int) -> Fault | None:
    for fault, times in faults:
        if turn <= times:
            return fault
        turn -= int(times)
    return None
