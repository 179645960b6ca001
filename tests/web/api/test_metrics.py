"""The metrics page that Prometheus reads, over real HTTP."""

import re

import httpx
from prometheus_client.parser import text_string_to_metric_families
import pytest

from arrivals.core.api_key import Scope
from arrivals.flow.admin.keys import make_key
from arrivals.flow.admin.prune import Retention, prune
from arrivals.web.api.metrics import FAMILIES, PREFIX
from tests.conftest import run_worker
from tests.support.contexts import with_policy
from tests.support.fixtures import ROOT

ALERTS = (ROOT / "docs/alerts.yml").read_text()
BOUNDED = {
    "provider", "account", "finding", "quantile", "status", "learned_from", "webhook", "worker", "outcome", "kind",
    "state",
}  # fmt: skip


@pytest.fixture
def scraped(client):
    """Reads the page; returns its samples by name and labels."""

    async def scrape():
        answer = await client.get("/metrics")
        assert 200 == answer.status_code, answer.text
        return {
            (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    return scrape


@pytest.fixture
def finished(client, context, clock, upstream, listener, ordered):
    """Orders something that closes by a poll, with a webhook that comes later, and is delivered."""

    async def finish():
        generation = await ordered()
        upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
        await run_worker(context, "submit")
        clock.advance(10)
        done = {"id": "el-1", "status": "success", "output": "https://storage.example.com/1.jpg"}
        upstream.answers.append((200, done))
        await client.post(f"/v1/generations/{generation['id']}/poll")
        clock.advance(5)
        path = (
            "/callbacks" + context.callback_urls.url("eachlabs", "default", generation["id"]).partition("/callbacks")[2]
        )
        word = {"exec_id": "el-1", "status": "succeeded", "output": "https://storage.example.com/1.jpg"}
        secret = {"x-webhook-secret": "a-secret-of-the-operator"}
        assert 200 == (await client.post(path, json=word, headers=secret)).status_code
        assert 401 == (await client.post(path, json=word)).status_code
        await run_worker(context, "read")
        listener.answers.append(204)
        await run_worker(context, "deliver")

    return finish


async def test_every_metric_says_what_it_is(client):
    answer = await client.get("/metrics")

    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    for family in FAMILIES:
        kind = "counter" if family.name.endswith("_total") else "gauge"
        assert f"# HELP {PREFIX}{family.name} {family.help}\n# TYPE {PREFIX}{family.name} {kind}\n" in answer.text
    families = list(text_string_to_metric_families(answer.text))
    assert len(FAMILIES) == len(families) == len({family.field for family in FAMILIES})
    assert all(family.documentation for family in families)


async def test_labels_have_a_bounded_number_of_values(client, finished):
    await finished()
    assert set().union(*(family.labels for family in FAMILIES)) == BOUNDED
    text = (await client.get("/metrics")).text
    assert not re.search(r"(gen|whk|evt|sub|dlv|obs|key)_[0-9a-z]{20}|https?://|flux", text)


async def test_what_alerts_watch_is_there_from_the_start(scraped):
    """A number that appears only when it is 1 shows no increase to anybody."""
    samples = await scraped()
    watched = {
        ("webhooks_accepted_total", "eachlabs"), ("generations_closed_total", "poll", "eachlabs", "expected"),
        ("queue_depth", "deliver"), ("oldest_unread_webhook_seconds",), ("submissions_unknown", "eachlabs"),
        ("subscribers", "registered", "disabled"),
    }  # fmt: skip
    assert watched <= set(samples)
    assert 0 == sum(samples.values())


async def test_what_happened_is_counted(client, scraped, finished, listener):
    subscriber = {"url": f"{listener.url}/events"}
    assert 201 == (await client.post("/v1/subscribers", json=subscriber)).status_code
    await finished()

    samples = {sample: value for sample, value in (await scraped()).items() if value}

    assert 5 <= samples.pop(("webhook_lateness_seconds", "eachlabs", "0.5")) < 6
    assert 5 <= samples.pop(("webhook_lateness_seconds", "eachlabs", "0.95")) < 6
    assert 1.7e9 < samples.pop(("last_webhook_timestamp_seconds", "eachlabs")) < 2e9
    assert {
        ("webhooks", "repeated", "eachlabs"): 1,
        ("webhooks", "quarantined", "eachlabs"): 1,
        ("webhooks_accepted_total", "eachlabs"): 1,
        ("generations", "eachlabs", "completed"): 1,
        ("generations_closed_total", "poll", "eachlabs", "expected"): 1,
        ("polls_total", "eachlabs"): 1,
        ("deliveries", "delivered"): 1,
        ("attempts_total", "2xx"): 1,
        ("subscribers", "registered", "active"): 1,
    } == samples


async def test_no_counter_goes_down_when_what_it_counted_is_forgotten(context, clock, scraped, finished):
    await finished()
    before = await scraped()
    clock.advance(8 * 24 * 3600)
    at_once = Retention(generations_s=0, events_s=0, webhooks_s=0, quarantine_s=0, idempotency_s=0)

    await prune(with_policy(context, retention=at_once), clock())

    after = await scraped()
    counters = {sample for sample in before if sample[0].endswith("_total")}
    assert {sample: before[sample] for sample in counters} == {sample: after[sample] for sample in counters}
    assert 0 == after["generations", "eachlabs", "completed"]
    assert 0 == after["deliveries", "delivered"]


async def test_numbers_are_for_those_who_may_read(context, base_url):
    _, submitter = await make_key(context, "submitter", [Scope.SUBMIT])
    _, reader = await make_key(context, "reader", [Scope.READ])
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as anybody:
        statuses = [
            (await anybody.get("/metrics", headers={"authorization": f"Bearer {key}"} if key else {})).status_code
            for key in (None, submitter, reader)
        ]
    assert [401, 403, 200] == statuses


@pytest.mark.parametrize("name", sorted(set(re.findall(rf"{PREFIX}\w+", ALERTS))))
def test_alerts_watch_what_is_measured(name):
    assert name.removeprefix(PREFIX) in {family.name for family in FAMILIES}


def test_alerts_name_labels_and_values_that_there_are():
    labels = {family.name: set(family.labels) for family in FAMILIES}
    for name, chosen in re.findall(rf"{PREFIX}(\w+){{([^}}]+)}}", ALERTS):
        assert set(re.findall(r"(\w+)=", chosen)) <= labels[name]
    assert 6 == len(re.findall(r"- alert: \w+", ALERTS)) == len(re.findall(r"expr:", ALERTS))
