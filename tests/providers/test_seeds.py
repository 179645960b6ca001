"""Every error code, message and HTTP status of the providers' error pages is the failure that its row names."""

from importlib import import_module

import pytest

from arrivals.core.http import HttpReply
from arrivals.core.wire import to_json
from arrivals.providers._shared.tolerance import folded
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Refused, Target, route_of
from tests.support.fixtures import failure_of, seeds

ROWS = list(seeds())
# What only a header says is read from the whole answer; everything else from the body alone as well.
SAID_BY_BODY = [row for row in ROWS if "Retry-After" not in row[2]["headers"]]
ANSWERS = [row for row in ROWS if row[2]["http_status"] is not None]


def failure_in_answer(provider, row):
    """The failure that the reader of the row's channel finds in the whole answer."""
    target = Target(
        model=row["model"],
        route=route_of(provider, row["model"]).name,
        base_url=provider.BASE_URL,
        external_id="an-id",
    )
    headers = {name.lower(): value for name, value in row["headers"].items()}
    reply = HttpReply(http_status=row["http_status"], headers=headers, body=to_json(row["body"]).encode())
    adapter = route_of(provider, row["model"]).adapter
    reader = {"submit": adapter.read_submitted, "poll": adapter.poll.parse}[row["reads"]]
    try:
        return reader(reply, target).failure
    except Refused as refused:
        return refused.failure


@pytest.mark.parametrize(("provider", "row"), [row[1:] for row in SAID_BY_BODY], ids=[row[0] for row in SAID_BY_BODY])
def test_row_of_a_seed_is_the_failure_it_names(provider, row):
    failure = PROVIDERS[provider].read_failure(row["http_status"], to_json(row["body"]).encode(), row["reads"])

    assert failure_of(row["failure"]) == failure


@pytest.mark.parametrize(("provider", "row"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_row_of_a_seed_is_the_same_failure_when_it_is_an_answer(provider, row):
    """The readers of answers and `read_failure` agree: who explains a failure does not change it."""
    assert failure_of(row["failure"]) == failure_in_answer(PROVIDERS[provider], row)


SEEDED = sorted({provider for _, provider, _ in ROWS})


@pytest.mark.parametrize("name", SEEDED)
def test_every_code_of_a_seed_is_in_the_table(name):
    """A code that is named on the page is never left to its sentence or its HTTP status."""
    named = {row["failure"]["provider_code"] for _, provider, row in ROWS if provider == name} - {None}

    assert named
    assert set() == {folded(code) for code in named} - import_module(f"arrivals.providers.{name}.errors").CODES.keys()


@pytest.mark.parametrize("name", SEEDED)
def test_nothing_on_a_seeds_page_is_unknown(name):
    unknown = [row["says"] for _, provider, row in ROWS if provider == name and row["failure"]["code"] == "unknown"]

    assert [] == unknown
