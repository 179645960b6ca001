"""Exceptions become answers."""

import pytest

from arrivals.store.engine.base import Collided, Missing, Overtaken, Unavailable
from arrivals.web.errors import problem_of


@pytest.mark.parametrize(("error", "status"), [(Missing, 404), (Unavailable, 503), (Collided, 503), (Overtaken, 500)])
def test_a_kind_of_what_stands_in_the_table_means_what_that_means(error, status):
    """Two transactions in each other's way are trouble of the moment, not ours to mend."""
    assert status == problem_of(error("a reason")).details.status
