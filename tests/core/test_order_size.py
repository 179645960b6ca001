"""The size of an order: only what decides how long the work takes."""

import pytest

from arrivals.core.order_size import order_size


@pytest.mark.parametrize(
    ("order_input", "expected"),
    [
        ({"prompt": "a fox"}, ""),
        ({"prompt": "a fox", "duration": 5, "resolution": "720p"}, "5s 720p"),
        ({"seconds": "8", "size": "1280x720"}, "8s 1mp"),
        ({"seconds": "8s", "size": "1792x1024", "n": 4}, "8s 1.75mp n4"),
        ({"input": {"duration": 10.4, "num_images": 2}}, "10s n2"),
        ({"Duration": 5, "input": {"duration": 10}}, "5s"),
        ({"n": 1}, ""),
        ({"n": "3"}, "n3"),
        ({"size": "auto"}, "auto"),
        ({"quality": "HD"}, "hd"),
        ({"duration": "soon", "size": "very large indeed", "n": 10**9}, ""),
        ({"duration": None, "size": {"width": 1}, "n": [1]}, ""),
        ({"duration": 99999}, ""),
        ({"resolution": True}, ""),
        ({"size": 1024}, ""),
        ({"x" * 100: 5, **{f"field{number}": number for number in range(1000)}}, ""),
    ],
)
def test_the_size_is_read_where_an_order_states_one(order_input, expected):
    assert expected == order_size(order_input)
