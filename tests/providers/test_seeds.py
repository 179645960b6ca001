"""Every error code, message and HTTP status of the providers' error pages is the failure that its row names."""

from importlib import import_module

import pytest

from arrivals.core.http import HttpReply, InboundWebhook
from arrivals.core.wire import to_json
from arrivals.providers._shared.tolerance import folded
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Refused, Target, route_of
from tests.support.fixtures import failure_of, seeds

ROWS = list(seeds())


def failure_in(provider, row):
    """The failure that the reader of the row's channel finds in the whole message."""
    route = route_of(provider, row["model"])
    target = Target(model=row["model"], route=route.name, base_url=provider.BASE_URL, external_id="an-id")
    headers = {name.lower(): value for name, value in row["headers"].items()}
    body = to_json(row["body"]).encode()
    adapter = route.adapter
    try:
        if row["reads"] == "stream":
            return adapter.read_event(body, target).failure
        if row["reads"] == "webhook":
            return adapter.read_webhook(InboundWebhook(headers=headers, body=body), target).failure
        reader = {"submit": adapter.read_submitted, "poll": adapter.poll.parse}[row["reads"]]
        return reader(HttpReply(http_status=row["http_status"], headers=headers, body=body), target).failure
    except Refused as refused:
        return refused.failure


# A stream that gives up waiting says nothing of the work, whose execution is polled.
GOES_ON = ("003_eachlabs-17", "003_eachlabs-18")
FAILURES = [row for row in ROWS if row[0] not in GOES_ON]


@pytest.mark.parametrize(("provider", "row"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_row_of_a_seed_is_the_failure_it_names(provider, row):
    assert failure_of(row["failure"]) == failure_in(PROVIDERS[provider], row)


@pytest.mark.parametrize("name", GOES_ON)
def test_timeout_of_a_stream_is_no_failure_of_the_work(name):
    ((provider, row),) = [row[1:] for row in ROWS if row[0] == name]

    assert None is failure_in(PROVIDERS[provider], row)


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
