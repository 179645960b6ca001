"""A service in pieces: a clock that stands still, real databases, real HTTP on loopback, no worker running."""

import contextlib
from dataclasses import replace
import io
import ipaddress
import json
import os
import time

from hypothesis import HealthCheck, settings
import pytest

from arrivals.assembly import make_batches
from arrivals.core.budget import Budget
from arrivals.core.standard_webhooks import make_secret
from arrivals.flow.callback_url import CallbackUrls
from arrivals.flow.context import Context, Policy
from arrivals.flow.context import Upstream as ToolsUpstream
from arrivals.flow.settlement import learn
from arrivals.logs import configure
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import Transport
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account
from arrivals.store.engine.migrate import migrate
from arrivals.store.engine.postgres import PostgresDatabase
from arrivals.workers.roster import roster
from tests.support.databases import START, all_written, empty, opened
from tests.support.postgres import fresh_database, server
from tests.support.serving import served
from tests.support.upstream import Upstream

pytest_plugins = ["tests.support.hanging"]

# How fast examples are made says something about the machine, and nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

PUBLIC_URL = "https://arrivals.example.com"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
WEBHOOK_SECRET = "a-secret-of-the-operator"


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def _quiet():
    configure("json", "error")


@pytest.fixture(autouse=True, scope="session")
def _lessons_are_written_at_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learn, "TOGETHER_S", 0.0)
        yield


class Clock:
    """A clock that stands still until it is advanced; every reading is a microsecond later, so that order shows."""

    def __init__(self):
        self.at = START

    def __call__(self):
        """Returns the microseconds since 1970."""
        self.at += 1
        return self.at

    def advance(self, seconds):
        """Moves the clock by so many seconds."""
        self.at += round(seconds * 1_000_000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def sqlite(tmp_path, clock):
    """A migrated SQLite database in a file of its own."""
    async with opened(tmp_path / "arrivals.db", clock) as database:
        yield database


@pytest.fixture(scope="session")
def postgres_url():
    """The URL of a server for this run, which is stopped and deleted at its end; `TEST_POSTGRES_URL` names another."""
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        yield url
        return
    with server() as started:
        yield started.url


@pytest.fixture(scope="session")
async def postgres_opened(postgres_url):
    """A pool for all tests, on one database."""
    with fresh_database(postgres_url) as url:
        # Bells that come from a server wake a task now and then, and tests wait until nobody has anything to do.
        database = await PostgresDatabase.open(url, time.time_ns, connections=8, carries_signals=False)
        await migrate(database, START)
        yield database
        await database.close()


@pytest.fixture
async def postgres(postgres_opened, clock):
    """A migrated PostgreSQL database, empty, on the clock of the test."""
    await all_written()
    postgres_opened._clock = clock
    await empty(postgres_opened)
    return postgres_opened


@pytest.fixture(params=["sqlite", "postgres"])
def store(request):
    """Each database in turn: a promise that holds on one holds on the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def upstream():
    """A provider that answers as a test tells it to."""
    provider = Upstream()
    async with served(lambda _: provider.app) as port:
        provider.url = f"http://127.0.0.1:{port}"
        yield provider


@pytest.fixture
async def listener():
    """A subscriber that answers as a test tells it to."""
    subscriber = Upstream()
    async with served(lambda _: subscriber.app) as port:
        subscriber.url = f"http://127.0.0.1:{port}"
        yield subscriber


@pytest.fixture
async def transport():
    transport = Transport(OutboundPolicy(LOOPBACK))
    yield transport
    await transport.close()


def context_over(store, transport, clock, base_url, **changed):
    """A context as assembly makes it, every provider's hosts at `base_url` with the key `key-of-<provider>`."""
    upstreams = {
        (name, "default"): ToolsUpstream(
            provider=provider,
            account=Account(
                base_url=base_url,
                api_key=f"key-of-{name}",
                webhook_secrets=(WEBHOOK_SECRET,),
                hosts=dict.fromkeys(provider.HOSTS, base_url),
            ),
            budget=Budget(max_in_flight=100, requests_per_minute=6000),
        )
        for name, provider in PROVIDERS.items()
    }
    context = Context(
        store=store,
        transport=transport,
        upstreams=upstreams,
        callback_urls=CallbackUrls(public_url=PUBLIC_URL, keys=("a-signing-key-of-the-tests",)),
        policy=Policy(callback_secrets=(make_secret(bytes(32)),)),
        now=clock,
        entropy=os.urandom,
        make_batches=make_batches,
    )
    policy = {name: changed.pop(name) for name in ("cadence", "limits", "retention") if name in changed}
    return replace(context, policy=replace(context.policy, **policy), **changed)


@pytest.fixture
def context(store, transport, clock, upstream):
    return context_over(store, transport, clock, upstream.url)


async def run_worker(context, name):
    """Runs one batch of one worker; returns how many items it had."""
    worker = next(worker for worker in roster(context) if worker.name == name)
    return await worker.run_once()


@pytest.fixture
def logged():
    """The log lines so far that are about an event, oldest first."""
    output = io.StringIO()
    with contextlib.redirect_stderr(output):
        configure("json", "info")

    def of(event):
        lines = [json.loads(line) for line in output.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    yield of
    configure("json", "error")
