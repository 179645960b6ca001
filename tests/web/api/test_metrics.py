"""The metrics page that Prometheus reads, over real HTTP."""

import platform
import re

import httpx
from prometheus_client.parser import text_string_to_metric_families
import pytest

from arrivals import __version__
from arrivals.core.api_key import Scope
from arrivals.core.lessons import WebhookLesson
from arrivals.flow.admin.keys import make_key
from arrivals.flow.admin.prune import Retention, prune
from arrivals.flow.measurements import COUNTS, HISTOGRAMS, Histogram
from arrivals.store.engine.base import Unavailable
from arrivals.web.api.measured_metrics import PREFIX, histogram
from arrivals.web.api.metric_families import FAMILIES
from tests.conftest import run_worker
from tests.support.contexts import with_policy

METRICS = (*FAMILIES, *COUNTS, *HISTOGRAMS)
BOUNDED = {
    "provider", "account", "finding", "status", "learned_from", "webhook", "worker", "outcome", "kind", "state", "code",
    "currency", "method", "route", "subscriber", "engine", "version", "python", "database",
}  # fmt: skip
MADE_BY_SCRAPES = ("http_request_duration_seconds", "build_info", "database_bytes")


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
    for family in METRICS:
        kind = "counter" if family.name.endswith("_total") else "histogram" if family in HISTOGRAMS else "gauge"
        assert f"# HELP {PREFIX}{family.name} {family.help}\n# TYPE {PREFIX}{family.name} {kind}\n" in answer.text
    families = list(text_string_to_metric_families(answer.text))
    assert len(METRICS) == len(families) == len({family.name for family in METRICS})
    assert len(FAMILIES) == len({family.field for family in FAMILIES})
    assert all(family.documentation for family in families)


async def test_labels_have_a_bounded_number_of_values(client, finished):
    await finished()
    assert set().union(*(family.labels for family in METRICS)) == BOUNDED
    text = (await client.get("/metrics")).text
    assert not re.search(r"(gen|whk|evt|dlv|obs|key)_[0-9a-z]{20}|https?://|flux", text)


async def test_what_alerts_watch_is_there_from_the_start(scraped):
    """A number that appears only when it is 1 shows no increase to anybody."""
    samples = await scraped()
    watched = {
        ("webhooks_accepted_total", "eachlabs"), ("generations_closed_total", "poll", "eachlabs", "expected"),
        ("queue_depth", "deliver"), ("oldest_unread_webhook_seconds",), ("submissions_unknown", "eachlabs"),
        ("subscribers", "registered", "disabled"), ("failures_total", "insufficient_funds", "eachlabs"),
    }  # fmt: skip
    assert watched <= set(samples)
    assert 0 == sum(value for sample, value in samples.items() if not sample[0].startswith(MADE_BY_SCRAPES))


async def test_what_happened_is_counted(client, scraped, finished, listener):
    subscriber = {"url": f"{listener.url}/events"}
    made = await client.post("/v1/subscribers", json=subscriber)
    assert 201 == made.status_code
    await finished()

    samples = {sample: value for sample, value in (await scraped()).items() if value and "_bucket" not in sample[0]}
    samples = {sample: value for sample, value in samples.items() if not sample[0].startswith(MADE_BY_SCRAPES)}

    assert 10 <= samples.pop(("generation_duration_seconds_sum", "eachlabs", "completed")) < 11
    assert 5 <= samples.pop(("webhook_lateness_seconds_sum", "eachlabs")) < 6
    assert 5 <= samples.pop(("delivery_duration_seconds_sum", "registered")) < 6
    assert 0 < samples.pop(("delivery_attempt_duration_seconds_sum", "2xx")) < 1
    ((name, _), succeeded_at), *_ = [item for item in samples.items() if "last_success" in item[0][0]]
    assert succeeded_at == samples.pop((name, made.json()["id"])) > 1.7e9
    assert 1.7e9 < samples.pop(("last_webhook_timestamp_seconds", "eachlabs")) < 2e9
    assert 0.9 < samples.pop(("webhook_share", "default", "eachlabs")) < 1
    assert 5 <= samples.pop(("webhook_late_seconds", "default", "eachlabs")) < 6
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
        ("generation_duration_seconds_count", "eachlabs", "completed"): 1,
        ("webhook_lateness_seconds_count", "eachlabs"): 1,
        ("delivery_duration_seconds_count", "registered"): 1,
        ("delivery_attempt_duration_seconds_count", "2xx"): 1,
    } == samples


async def test_a_histogram_counts_up_to_each_bound(scraped, finished):
    await finished()

    samples = await scraped()

    ranges = {sample[1]: value for sample, value in samples.items() if sample[0] == "webhook_lateness_seconds_bucket"}
    assert {"1.0": 0, "5.0": 0, "10.0": 1, "86400.0": 1, "+Inf": 1}.items() <= ranges.items()
    assert sorted(ranges.values()) == [*ranges.values()]


async def test_requests_are_measured_by_route_and_never_by_what_a_caller_wrote(client, scraped):
    await client.get("/v1/generations/gen_none")
    await client.get("/v1/generations?limit=x")
    await client.request("PROPFIND", "/some/where")
    await client.delete("/v1/generations")
    await client.post("/callbacks/eachlabs/gen_none.default~forged", json={})
    await client.head("/health/live")

    samples = await scraped()

    counted = {sample[1:]: value for sample, value in samples.items() if "request_duration_seconds_count" in sample[0]}
    assert {
        ("GET", "/v1/generations/{id}", "4xx"): 1,
        ("GET", "/v1/generations", "4xx"): 1,
        ("any", "none", "4xx"): 2,
        ("POST", "/callbacks/{provider}/{token}", "4xx"): 1,
        ("HEAD", "/health/live", "2xx"): 1,
    } == counted


@pytest.mark.parametrize("way", ["fast", "plain"])
async def test_webhooks_are_measured_whichever_way_they_come(client, scraped, finished):
    await finished()

    samples = await scraped()

    route = "/callbacks/{provider}/{token}"
    name = "http_request_duration_seconds_count"
    assert (1, 1) == (samples[name, "POST", route, "2xx"], samples[name, "POST", route, "4xx"])


async def test_a_scrape_needs_nothing_that_can_be_written(client, monkeypatch):
    async def refuse(*_):
        raise Unavailable("the disk is full")

    monkeypatch.setattr("arrivals.store.metrics.add_measured", refuse)
    await client.get("/health/live")

    assert 200 == (await client.get("/metrics")).status_code


async def test_versions_and_size_are_shown(scraped, store):
    engine = "sqlite" if "Sqlite" in type(store).__name__ else "postgresql"
    samples = await scraped()

    (build,) = [sample for sample in samples if sample[0] == "build_info"]
    assert {__version__, platform.python_version(), engine} == set(build[1:])
    assert samples["database_bytes", engine] > 10_000


def test_ranges_of_another_release_count_towards_the_bounds_of_today():
    """Numbers with other labels cannot be shown, and are left out."""
    name = "short_seconds"
    today = Histogram(name=name, labels=("provider",), bounds_s=(1.0, 2.0), help="Short.")
    measured = {
        (name, "vtrix", "0.5"): 1,
        (name, "vtrix", "1.5"): 2,
        (name, "vtrix", "9.0"): 3,
        (name, "a", "b", "1.0"): 4,
    }

    made = histogram(today, measured)

    assert [("1.0", 1), ("2.0", 3), ("+Inf", 6)] == [
        (sample.labels["le"], sample.value) for sample in made.samples if sample.name.endswith("_bucket")
    ]


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


async def test_what_polls_are_timed_by_is_shown_for_each_account(scraped, context, submitted):
    context.process.knowledge.learn([WebhookLesson(provider="eachlabs", account="default", came=True, late_s=2.0)])
    await submitted()
    samples = await scraped()

    assert 0.9 < samples["webhook_share", "default", "eachlabs"] < 1.0
    assert 1.0 < samples["webhook_late_seconds", "default", "eachlabs"] < 5.0
    assert 0.0 < samples["budget_used_ratio", "default", "eachlabs"] < 0.1
    assert 0.0 == samples["budget_used_ratio", "default", "vtrix"]
