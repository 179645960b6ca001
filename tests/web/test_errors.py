"""Exceptions become answers."""

import pytest

from arrivals.store.engine.base import Collided, Missing, Overtaken, Unavailable
from arrivals.web.errors import not_found, problem_of


@pytest.mark.parametrize(("error", "status"), [(Unavailable, 503), (Collided, 503), (Overtaken, 500)])
def test_a_kind_of_what_stands_in_the_table_means_what_that_means(error, status):
    """Two transactions in each other's way are trouble of the moment, not ours to mend."""
    assert status == problem_of(error("a reason")).details.status


ID = "0123456789abcdefghjkmnpqrs"


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("generation", f"gen_{ID}", f"no generation has the id gen_{ID}"),
        ("generation", f"sub_{ID}", f"no generation has the id sub_{ID}; sub_… is a subscriber, not a generation"),
        ("subscriber", "evt_1", "no subscriber has the id evt_1; evt_… is an event, not a subscriber"),
        ("API key", f"blk_{ID}", f"no API key has the id blk_{ID}; blk_… is a bulk order, not an API key"),
        ("webhook", "42", "no webhook has the id 42; a webhook's id is whk_ and 26 letters and digits"),
        ("event", "evt_1", "no event has the id evt_1; an event's id is evt_ and 26 letters and digits"),
        ("output", "3", "no output has the id 3"),
        ("replay", "a b", "no replay has the id `a b`; a replay's id is rpl_ and 26 letters and digits"),
        ("replay", "x" * 99, f"no replay has the id `{'x' * 64}…`; a replay's id is rpl_ and 26 letters and digits"),
    ],
)
def test_what_is_not_there_is_named_by_its_kind_and_id(kind, name, words):
    assert words == not_found(kind, name)
    assert (404, "not_found", words) == (
        (details := problem_of(Missing(kind, name)).details).status,
        details.code,
        details.detail,
    )
