"""The rules of RunBlob's pages for an order's fields, as data. A field that no page mentions has no rule."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arrivals.lab.rehearsal.runblob.errors import EVERYWHERE
from arrivals.lab.rehearsal.stand_in import refusal
from arrivals.lab.rehearsal.state import Outcome, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule of one field; `says` is the name of an outcome, or the message in FastAPI's list of `detail`.

    `model` restricts the rule to one model.
    """

    field: str
    holds: Callable[[Any], bool]
    says: str
    model: str | None = None


def one_of(field: str, *values: Any, says: str = "Input is not one of the permitted values") -> Rule:
    """The field is one of these values."""
    return Rule(field=field, holds=lambda value: type(value) is not bool and value in values, says=says)


def within(field: str, lowest: float, highest: float) -> Rule:
    """The field is a number within these limits."""
    says = f"Input should be a number from {lowest} to {highest}"
    return Rule(field=field, holds=lambda value: type(value) in {int, float} and lowest <= value <= highest, says=says)


def switch(field: str) -> Rule:
    """The field is a boolean."""
    return Rule(field=field, holds=lambda value: isinstance(value, bool), says="Input should be a valid boolean")


def string(field: str) -> Rule:
    """The field is a string."""
    return Rule(field=field, holds=lambda value: isinstance(value, str), says="Input should be a valid string")


def texts(field: str) -> Rule:
    """The field is a list of strings."""
    return Rule(
        field=field,
        holds=lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
        says="Input should be a valid list of strings",
    )


def at_most(field: str, count: int, says: str = "", model: str | None = None) -> Rule:
    """The field has at most this number of items."""
    return Rule(
        field=field,
        holds=lambda value: len(value) <= count,
        says=says or f"List should have at most {count} items after validation",
        model=model,
    )


def prompt(longest: int) -> Rule:
    """The prompt has at most this number of characters."""
    says = f"String should have at most {longest} characters"
    return Rule(field="prompt", holds=lambda value: len(value) <= longest, says=says)


def pictures(field: str, count: int, says: str = "") -> tuple[Rule, ...]:
    """The field is a list of at most this number of pictures."""
    return texts(field), at_most(field, count, says)


def broken(submission: Submission, rules: Iterable[Rule], apart: Mapping[tuple[str, str], str]) -> Outcome | None:
    """The outcome of the first rule that the order breaks. `apart` names pairs of fields that exclude each other."""
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
