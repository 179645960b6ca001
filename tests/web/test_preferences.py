"""The header `Prefer`."""

import pytest

from arrivals.web.preferences import preferences, preferred_wait


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        (["wait=20"], 20.0),
        (["Wait=1"], 1.0),
        (["WAIT = 1"], 1.0),
        (["wait\t=\t7"], 7.0),
        (['wait="10"'], 10.0),
        (["respond-async, wait=100"], 100.0),
        (["respond-async,wait=100"], 100.0),
        (["return=minimal; foo=bar, wait=5"], 5.0),
        (["respond-async", "wait=5"], 5.0),
        (["wait=5", "wait=9"], 5.0),
        (["wait=5, wait=9"], 5.0),
        (["wait=0"], 0.0),
        (["wait=99999"], 300.0),
        (["wait=" + "9" * 10_000], 300.0),
        ([], None),
        ([""], None),
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon"], None),
        (["wait=²"], None),
        (["await=5"], None),
        (["wait-for=5"], None),
        (['foo="a, wait=5"'], None),
        (['foo="a \\" wait=5"'], None),
    ],
)
def test_wait_is_read_as_the_standard_writes_it(headers, wait_s):
    assert wait_s == preferred_wait(headers)


def test_preferences_are_found_by_name_whatever_their_case():
    assert {"respond-async": "", "return": "minimal", "handling": "lenient"} == preferences(
        ['Respond-Async, return=minimal ; Handling = "lenient"', "RETURN=representation"]
    )
