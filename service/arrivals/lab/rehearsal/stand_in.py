"""The stand-in for one route of one provider, as values and plain functions. It does not answer HTTP itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from arrivals.lab.rehearsal.state import Job, Outcome, Phase, RehearsalState, Submission, View, Voice, Where

HEX = "0123456789abcdef"
KEY_PREFIX = "rehearsal-"


def accept_anything(_: Submission) -> Outcome | None:
    """The check of a route that accepts every order."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """One route: its wording, its errors, and how it reports the state of a job."""

    provider: str
    route: str
    outcomes: Mapping[str, Outcome]
    faults: Mapping[str, Outcome]  # by HTTP status: 402, 404, 429, 500, 503
    unauthorized: Callable[[str | None], Outcome]  # by the Authorization header of the request
    identity: Callable[[Submission, Random], str]
    files: Callable[[RehearsalState, Submission, str, int], tuple[str, ...]]
    accepted: Callable[[RehearsalState, Job], Any]
    state: Callable[[RehearsalState, Job, View], Any]
    check: Callable[[Submission], Outcome | None] = accept_anything
    accepted_status: int = 200
    voice: Voice | None = None
    dialects: frozenset[str] = frozenset()
    schemes: tuple[str, ...] = ("Bearer",)  # before the key
    answers_once: bool = False  # the answer to the order is the only one there is

    @property
    def key(self) -> str:
        """The only valid key."""
        return f"{KEY_PREFIX}{self.provider}"


def refusal(status: int, body: Any, code: str | None = None, **headers: str) -> Outcome:
    """The refusal of an order with this HTTP answer; underscores in header names become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Outcome(where=Where.SUBMIT, status=status, body=body, code=code, headers=named)


def failure(body: Any, code: str | None = None) -> Outcome:
    """The failure of an accepted job, with this body in place of its error."""
    return Outcome(where=Where.FAILURE, body=body, code=code)


def vanished(status: int, body: Any, code: str | None = None) -> Outcome:
    """The disappearance of an accepted job: once it should have ended, polls get this HTTP answer."""
    return Outcome(where=Where.POLL, status=status, body=body, code=code)


def token(rng: Random, length: int, letters: str = HEX) -> str:
    """A random string of this length, drawn from the dice."""
    return "".join(rng.choices(letters, k=length))


def uuid(rng: Random) -> str:
    """A random name in the shape of a UUID."""
    drawn = token(rng, 32)
    return f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:20]}-{drawn[20:]}"


def outputs(job: Job, view: View) -> tuple[str, ...]:
    """The job's files, if this view shows them."""
    return job.files if view.phase is Phase.COMPLETED and view.shown and view.odd is None else ()


def read_json(raw: bytes) -> Any:
    """The decoded JSON, or an empty object if it cannot be read: the route's own check then reports what is missing."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def text(value: Any, default: str = "") -> str:
    """The value if it is a string, otherwise the default."""
    return value if isinstance(value, str) else default


def strings(value: Any) -> list[str]:
    """Every string inside a JSON value, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in strings(part)] if isinstance(value, list) else []


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """The JSON value with its {placeholders} replaced; other braces stay."""
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", word)
        return value
    if isinstance(value, dict):
        return {name: filled(part, words) for name, part in value.items()}
    return [filled(part, words) for part in value] if isinstance(value, list) else value
