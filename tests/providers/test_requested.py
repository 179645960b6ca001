"""The number of outputs that an order requests."""

import pytest

from arrivals.providers._shared.requested import outputs_requested


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"n": 2}, 2),
        ({"num_images": "3"}, 3),
        ({"parameters": {"n": 4}}, 4),
        ({"input": {"sampleCount": 1}}, 1),
        ({"n": None, "parameters": {"n": 4}}, 4),
        ({}, None),
        ({"n": True}, None),
        ({"n": 0}, None),
        ({"n": "many"}, None),
        ({"n": 10**9}, None),
        ({"parameters": [1]}, None),
    ],
    ids=range(11),
)
def test_count_is_found_under_whatever_name_and_never_guessed(fields, count):
    assert count == outputs_requested(fields)
