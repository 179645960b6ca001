"""How a real process ends: at the first signal in good order, at the third at once, and never later than its grace."""

import json
import signal
import socket
import threading

import httpx
import pytest

from arrivals.core.standard_webhooks import make_secret
from arrivals.lab.processes import Process, free_port
from tests.cli.conftest import API_KEY, asking_for, environment
from tests.support.postgres import fresh_database
from tests.support.silence import proxy

pytestmark = pytest.mark.timeout(60)

ACCEPTED = json.dumps({"requestId": "vt-1", "status": "IN_QUEUE"}).encode()


class Holding:
    """A provider that takes one order and holds its answer back."""

    def __init__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.taken, self._answer = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def answer(self):
        """Let it answer."""
        self._answer.set()

    def _serve(self):
        line, _ = self._listening.accept()
        with line:
            line.recv(65_536)
            self.taken.set()
            self._answer.wait()
            line.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    def close(self):
        """End it."""
        self._answer.set()
        self._listening.close()


@pytest.fixture
def provider():
    provider = Holding()
    yield provider
    provider.close()


class Service:
    """A process, what it has logged, and how it ends."""

    def __init__(self, tmp_path, grace_s, **settings):
        self.port = free_port()
        defaults = {"DATABASE": tmp_path / "my.db", "PORT": self.port, "LOG_FORMAT": "json", "API_KEY": API_KEY}
        variables = {**environment(**{**defaults, **settings}), "TEST_GRACE_S": str(grace_s)}
        self.process = Process("serve", ["tests.cli.short_grace", "serve"], variables, tmp_path)
        self.process.start(f"http://127.0.0.1:{self.port}/health/ready")
        self.child = self.process._child

    def order(self):
        """Order something."""
        order = {"provider": "vtrix", "model": "wan26_t2i", "input": asking_for("a fox")}
        url, headers = f"http://127.0.0.1:{self.port}/v1/generations", {"authorization": f"Bearer {API_KEY}"}
        assert 202 == httpx.post(url, json=order, headers=headers, trust_env=False).status_code

    def log(self):
        """Its log so far, by what happened."""
        return {fact["event"]: fact for fact in map(json.loads, self.process.output.read_text().splitlines())}

    def signal(self, until):
        """SIGTERM; the line that it logs about it."""
        self.child.send_signal(signal.SIGTERM)
        while until not in self.log():
            assert self.child.poll() is None, self.log()
        return self.log()[until]


@pytest.fixture
def service(tmp_path):
    """Starts one with this grace."""
    running = []

    def start(grace_s=300, **settings):
        running.append(Service(tmp_path, grace_s, **settings))
        return running[-1]

    yield start
    for service in running:
        service.process.kill()


@pytest.fixture
def submitting(service, provider):
    """A service with a submission on the wire."""

    def start(grace_s=300):
        process = service(grace_s, VTRIX_API_KEY="key-of-vtrix", VTRIX_BASE_URL=provider.url)
        process.order()
        provider.taken.wait()
        return process

    return start


def test_a_second_signal_is_told_what_it_would_cost_and_costs_nothing(submitting, provider):
    service = submitting()
    service.signal("stopping")

    assert 1 == service.signal("already_stopping")["submissions_on_the_wire"]

    provider.answer()
    assert 0 == service.child.wait()
    assert {"stopped", "observation_settled"} <= {*service.log()}


def test_a_third_signal_ends_it_at_once(submitting):
    service = submitting()
    service.signal("stopping")
    service.signal("already_stopping")

    service.child.send_signal(signal.SIGTERM)

    assert 1 == service.child.wait()
    assert 1 == service.log()["terminated"]["submissions_on_the_wire"]


def test_what_has_not_ended_within_the_grace_is_cut_off_and_told_by_the_exit_code(submitting):
    service = submitting(grace_s=2)
    service.signal("stopping")

    assert 1 == service.child.wait()
    assert {"shutdown_incomplete", "stopped"} <= {*service.log()}


def test_a_service_ends_within_its_grace_though_its_database_is_silent(service, postgres_url):
    keys = {"SECRET_KEYS": "key-of-16-letters", "CALLBACK_SECRET": make_secret(bytes(32))}
    with fresh_database(postgres_url) as url, proxy(url) as line:
        process = service(grace_s=2, DATABASE=line.url, **keys)
        line.fall_silent()
        line.swallowed.wait()
        process.signal("stopping")

        assert 1 == process.child.wait()
    assert "grace_ended" in process.log()
