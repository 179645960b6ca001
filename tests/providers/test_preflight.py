"""Documented limits: every row of `fixtures/<provider>/preflight.json` is refused, or let through, as it says."""

import base64
import json
from typing import Any

import pytest

from arrivals.core.failure import MEANING, FailureCode
from arrivals.providers._shared.limits import refusals
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import route_of
from tests.support.fixtures import FIXTURES

NAMES = [name for name in PROVIDERS if (FIXTURES / name / "preflight.json").exists()]
ROWS: list[Any] = [
    pytest.param(name, row, id=f"{name}-{number}-{row['says']}")
    for name in NAMES
    for number, row in enumerate(json.loads((FIXTURES / name / "preflight.json").read_text())["rows"])
]


def expanded(value):
    """A row's value with what is too long to write out: `{"$repeat": [text, times]}`, `{"$image": [type, bytes]}`."""
    if isinstance(value, dict):
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        if "$image" in value:
            media, size = value["$image"]
            return f"data:{media};base64,{base64.b64encode(bytes(size)).decode()}"
        return {name: expanded(part) for name, part in value.items()}
    return [expanded(part) for part in value] if isinstance(value, list) else value


def checked(name, model, fields):
    """The preflight's first refusal of an order, or None."""
    return next(iter(refusals(route_of(PROVIDERS[name], model).limits, model, fields)), None)


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_row_is_refused_or_let_through_as_it_says(name, row):
    failure = checked(name, row["model"], expanded(row["input"]))

    expected = row["failure"]
    facts = failure and {what: getattr(failure, what) for what in expected or ("code", "message", "param")}
    assert expected == facts


def test_every_provider_has_its_rows():
    assert [*PROVIDERS] == NAMES


@pytest.mark.parametrize(("name", "row"), [row for row in ROWS if row.values[1]["failure"]])
def test_refusal_is_ours_and_costs_nothing(name, row):
    failure = checked(name, row["model"], expanded(row["input"]))

    assert ("preflight", False) == (failure.origin, failure.billed)
    assert MEANING[FailureCode(failure.code)] == (failure.fault, failure.retryable)


STRANGE = [None, True, -1, 1e308, "", "x" * 20, [], [None], {}, [{}], {"messages": 1}, "data:", "https://[", 10**400]


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_order_breaks_a_check(name):
    """Whatever the values, a check answers; it never raises."""
    for route in PROVIDERS[name].ROUTES:
        model = route.models[0].replace("*", "x")
        names = {limit.param for limit in route.limits} | {"images", "model", "quality", "prompt"}
        for strange in STRANGE:
            fields = {}
            for param in names:
                *steps, last = param.split(".")
                place = fields
                for step in steps:
                    place = place.setdefault(step, {}) if isinstance(place, dict) else {}
                if isinstance(place, dict):
                    place[last] = strange
            refusals(route.limits, model, fields)
            refusals(route.limits, model, {"input": strange, "parameters": strange})
