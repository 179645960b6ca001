"""`arrivals providers`: what each can do, and how it has behaved."""

import pytest

from arrivals.providers.catalog import PROVIDERS

pytestmark = pytest.mark.timeout(30)


def rows(result):
    return [line.split() for line in result.stdout.splitlines()[1:]]


def test_every_provider_is_shown_with_how_it_has_behaved(run, ended):
    ended()
    result = run("providers")
    assert "webhooks came" in result.stdout
    by_name = {row[0]: row for row in rows(result)}
    assert set(PROVIDERS) == set(by_name)
    assert ["default", "%"] == [by_name["eachlabs"][1], by_name["eachlabs"][3][-1]]
    assert ["-", "0", "-"] == by_name["runblob"][1:4]


def test_every_route_is_shown_with_what_it_can_do(run):
    listed = {(row[0], row[1]) for row in rows(run("providers", "--routes"))}
    assert {(name, route.name) for name, provider in PROVIDERS.items() for route in provider.ROUTES} == listed


def test_everything_is_told_to_programs(run):
    assert [*PROVIDERS] == [provider["name"] for provider in run("providers", "--json")["data"]]
