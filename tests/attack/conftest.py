"""A real service with stand-in providers beside it, as processes of their own: what attacks is outside."""

import base64
from contextlib import contextmanager
from dataclasses import dataclass
import subprocess
import sys

import httpx
import pytest

from arrivals.lab.processes import Process, free_port
from tests.cli.conftest import environment
from tests.support.postgres import fresh_database

KEY = "the-admin-key-of-the-attacks"


@dataclass
class Service:
    """A running service: its URL, its process, and the ids of its rows."""

    url: str
    process: Process
    settings: dict
    ids: dict

    @property
    def port(self):
        """The port on which it listens."""
        return int(self.url.rpartition(":")[2])

    def client(self, key=KEY, **options):
        """A client with this key, by default the one that may do everything."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20, **options)

    def made_key(self, scope):
        """A further key, made beside it on the same database."""
        command = [sys.executable, "-m", "arrivals", "keys", "make", "attacker", "--scope", scope]
        ran = subprocess.run(command, env=environment(**self.settings), capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    def memory(self):
        """The memory that it occupies, in bytes."""
        with open(f"/proc/{self.process.pid}/statm") as file:  # noqa: PTH123 - a file of the kernel's
            return int(file.read().split()[1]) * 4096

    def log(self):
        """Everything that it has logged."""
        return self.process.output.read_text()


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory):
    """The providers, as a process; its port."""
    port = free_port()
    arguments = ["arrivals", "rehearse", "--port", str(port)]
    process = Process("rehearse", arguments, environment(), tmp_path_factory.mktemp("stand-ins"))
    process.start(f"http://127.0.0.1:{port}/")
    yield port
    process.stop()


@contextmanager
def running(folder, stand_ins, **settings):
    """A service of its own with these settings."""
    port = free_port()
    settings = {
        "DATABASE": folder / "arrivals.db",
        "PORT": port,
        "API_KEY": KEY,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ALLOW_DESTINATIONS": "127.0.0.0/8",
        "EACHLABS_API_KEY": "rehearsal-eachlabs",
        "EACHLABS_BASE_URL": f"http://127.0.0.1:{stand_ins}/eachlabs",
        "POLL_FIRST_S": 1,
        "RETRY_SCHEDULE_S": "0,60",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "debug",
        **settings,
    }
    process = Process("serve", ["tests.attack.unthrottled", "serve"], environment(**settings), folder)
    process.start(f"http://127.0.0.1:{port}/health/ready")
    try:
        yield Service(f"http://127.0.0.1:{port}", process, settings, {})
    finally:
        process.stop()


@pytest.fixture(scope="session")
def service(stand_ins, tmp_path_factory):
    """One for all attacks: whatever they do, the next one finds it at work."""
    with _peopled(tmp_path_factory.mktemp("service"), stand_ins) as populated:
        yield populated


@pytest.fixture(scope="session")
def service_on_postgres(stand_ins, tmp_path_factory, postgres_url):
    """Another one, on PostgreSQL."""
    folder = tmp_path_factory.mktemp("service-on-postgres")
    shared = {"SECRET_KEYS": "of-the-attacks-" * 3, "CALLBACK_SECRET": f"whsec_{base64.b64encode(bytes(32)).decode()}"}
    with fresh_database(postgres_url) as url, _peopled(folder, stand_ins, DATABASE=url, **shared) as populated:
        yield populated


@contextmanager
def _peopled(folder, stand_ins, **settings):
    """A service with something of everything in it."""
    with running(folder, stand_ins, **settings) as running_service:
        with running_service.client() as client:
            running_service.ids |= _something_of_everything(client, running_service.url)
        yield running_service


def _something_of_everything(client, url):
    """The id of one row of every kind."""
    subscriber = client.post("/v1/subscribers", json={"url": f"{url}/health/live"}).json()["id"]
    order = {"provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a fox [rehearse run=0.05]"}}
    generation = client.post("/v1/generations", json=order, headers={"prefer": "wait=20"}).json()
    assert "completed" == generation["status"]
    event = client.get("/v1/events", params={"wait": 10, "type": "generation.completed"}).json()["data"][0]["id"]
    client.post("/v1/subscribers/" + subscriber + "/ping")
    ids = {"generations": generation["id"], "events": event, "subscribers": subscriber}
    for noun, path in (("webhooks", "/v1/webhooks"), ("deliveries", f"/v1/subscribers/{subscriber}/deliveries")):
        ids[noun] = client.get(path).json()["data"][0]["id"]
    ids["replays"] = client.post("/v1/replays", json={"kind": "events", "dry_run": True}).json()["id"]
    return ids
