"""What RunBlob's pages ask of an order's fields, as data. A page that is silent about a field asks nothing of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arrivals.lab.rehearsal.runblob.errors import EVERYWHERE
from arrivals.lab.rehearsal.stand_in import refusal
from arrivals.lab.rehearsal.state import Outcome, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One field's rule; `says` is the name of an outcome, or what FastAPI says in its list of `detail`.

    A rule of one model alone names it.
    """

    field: str
    holds: Callable[[Any], bool]
    says: str
    model: str | None = None


def one_of(field: str, *values: Any, says: str = "Input is not one of the permitted values") -> Rule:
    """One of these, and of their type."""
    return Rule(field=field, holds=lambda value: type(value) is not bool and value in values, says=says)


def within(field: str, lowest: float, highest: float) -> Rule:
    """A number from here to there."""
    says = f"Input should be a number from {lowest} to {highest}"
    return Rule(field=field, holds=lambda value: type(value) in {int, float} and lowest <= value <= highest, says=says)


def switch(field: str) -> Rule:
    """True or false."""
    return Rule(field=field, holds=lambda value: isinstance(value, bool), says="Input should be a valid boolean")


def string(field: str) -> Rule:
    """Text."""
    return Rule(field=field, holds=lambda value: isinstance(value, str), says="Input should be a valid string")


def texts(field: str) -> Rule:
    """A list of texts."""
    return Rule(
        field=field,
        holds=lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
        says="Input should be a valid list of strings",
    )


def at_most(field: str, count: int, says: str = "", model: str | None = None) -> Rule:
    """So many items."""
    return Rule(
        field=field,
        holds=lambda value: len(value) <= count,
        says=says or f"List should have at most {count} items after validation",
        model=model,
    )


def prompt(longest: int) -> Rule:
    """The prompt's length."""
    says = f"String should have at most {longest} characters"
    return Rule(field="prompt", holds=lambda value: len(value) <= longest, says=says)


def pictures(field: str, count: int, says: str = "") -> tuple[Rule, ...]:
    """A list of so many pictures."""
    return texts(field), at_most(field, count, says)


def broken(submission: Submission, rules: Iterable[Rule], apart: Mapping[tuple[str, str], str]) -> Outcome | None:
    """The first rule that the order breaks. `apart`: two fields that exclude each other, and the outcome's name."""
    if not submission.prompt:
        return EVERYWHERE["validation_error"]
    body = submission.body
    for (first, second), name in apart.items():
        if body.get(first) and body.get(second):
            return EVERYWHERE[name]
    for rule in (string("callback_url"), *rules):
        value = body.get(rule.field)
        concerns = value is not None and rule.model in {None, submission.model}
        if concerns and not rule.holds(value):
            wrong = {"type": "value_error", "loc": ["body", rule.field], "msg": rule.says, "input": value}
            return EVERYWHERE.get(rule.says) or refusal(422, {"detail": [wrong]})
    return None
