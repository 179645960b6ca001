"""The main job with real processes, and one of two services killed in the middle; alone it is killed by `.ci/run`."""

import pytest

from arrivals.lab.demo.demo import Options, demo
from tests.support.postgres import fresh_database


@pytest.mark.timeout(150)
def test_one_of_two_services_on_a_server_is_killed_and_the_accounts_still_agree(postgres_url):
    """They share one database and take orders in turn; the one that is left goes on."""
    with fresh_database(postgres_url) as url:
        _agrees(demo(Options(seed=4, crash=True, quiet=True, database=url, services=2)))


def _agrees(summary):
    assert [] == summary.disagreements
    figures = summary.figures
    assert (0, 0, 0) == (figures["lost"], figures["closed_twice"], figures["double_submissions"])
    assert figures["generations"] >= 60
    assert figures["deliveries_unverified"] == 0
