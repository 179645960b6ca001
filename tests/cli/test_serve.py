"""`arrivals serve`: becomes ready, says where its keys are, ends when told to, and says in one line what is wrong."""

import json
import signal
import socket
import subprocess
import sys

import anyio
import httpx
import pytest

from arrivals.assembly import GRACE_S
from arrivals.cli.serve import _listen, _serve
from arrivals.config.key_file import with_keys
from arrivals.config.settings import read_settings
from arrivals.core.standard_webhooks import make_secret
from arrivals.lab.processes import Process, free_port
from arrivals.logs import configure
from arrivals.web.auth_throttle import BURST
from arrivals.workers.roster import NAMES
from tests.cli.conftest import asking_for, environment
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def started(tmp_path):
    """Starts a service with these arguments and settings; ends it, and gives the process that was."""
    running = []

    def start(*arguments, **settings):
        port = free_port()
        settings = {"DATABASE": tmp_path / "my.db", "PORT": port, "LOG_FORMAT": "json", **settings}
        process = Process(f"serve{len(running)}", ["arrivals", "serve", *arguments], environment(**settings), tmp_path)
        running.append(process)
        process.start(f"http://127.0.0.1:{port}/health/ready")
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in running:
        process.stop()


def log_of(process):
    """Its log so far, by what happened."""
    return {fact["event"]: fact for fact in map(json.loads, process.output.read_text().splitlines())}


def test_first_start_says_where_the_keys_are(started, arrivals, tmp_path):
    """Commands beside it find them there."""
    process, url = started()
    facts = log_of(process)
    assert str(tmp_path / "my.db.keys") == facts["keys_made"]["path"]
    assert ["0001_initial"] == facts["database_migrated"]["applied"][:1]
    assert url == facts["serving"]["url"]
    assert "no_providers_configured" in facts
    key = json.loads((tmp_path / "my.db.keys").read_text())["api_key"]
    assert key not in process.output.read_text()
    reply = httpx.get(f"{url}/v1/generations", headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert (200, []) == (reply.status_code, reply.json()["data"])
    assert "nothing\n" == arrivals("list", DATABASE=tmp_path / "my.db", PORT=url.rpartition(":")[2]).stdout


def test_options_name_the_address_instead_of_the_settings(running, tmp_path):
    port = free_port()
    settings = {"DATABASE": tmp_path / "my.db", "LOG_FORMAT": "json", "HOST": "127.0.0.2", "PORT": free_port()}
    serving = running("serve", "--host", "127.0.0.1", "--port", port, **settings)
    assert f"http://127.0.0.1:{port}" == json.loads(serving.said('"serving"'))["url"]
    serving.interrupt()


@pytest.mark.parametrize(("option", "value"), [("port", "http"), ("port", "70000"), ("port", ""), ("host", "")])
def test_option_is_read_as_its_setting(arrivals, option, value):
    as_option = arrivals("serve", f"--{option}", value)
    as_setting = arrivals("serve", **{option.upper(): value})
    assert (2, 2) == (as_option.exit_code, as_setting.exit_code)
    said = as_setting.stderr.partition(" must be ")[2]
    assert said.rstrip()
    assert f"Error: Invalid value for '--{option}': must be {said}" == as_option.stderr.splitlines(keepends=True)[-1]


def test_sigterm_ends_it_with_exit_code_0(started):
    process, _ = started(VTRIX_API_KEY="key")
    child = process._child
    process.stop()
    assert 0 == child.returncode
    facts = log_of(process)
    assert ("SIGTERM", "info") == (facts["stopping"]["signal"], facts["stopped"]["level"])
    assert "no_providers_configured" not in facts


def test_second_start_keeps_the_keys_and_the_database(started):
    process, _ = started()
    process.stop()
    again, _ = started()
    assert not {"keys_made", "database_migrated"} & set(log_of(again))


@pytest.fixture(params=["file", "server"])
def shared(request, tmp_path):
    """Settings of a database that several processes share: a file on one machine, or a server."""
    keys = {
        "API_KEY": "key-of-16-letters",
        "SECRET_KEYS": "key-of-16-letters",
        "CALLBACK_SECRET": make_secret(bytes(32)),
    }
    if request.param == "file":
        yield {"DATABASE": tmp_path / "my.db", **keys}
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield {"DATABASE": url, **keys}


@pytest.mark.timeout(30)
def test_web_only_answers_and_workers_only_works(started, tmp_path, rehearsal, shared):
    """Two processes on one database are one service."""
    provider = {"VTRIX_API_KEY": "rehearsal-vtrix", "VTRIX_BASE_URL": f"http://127.0.0.1:{rehearsal}/vtrix"}
    settings = {**provider, **shared, "POLL_FIRST_S": 0.1}
    web, url = started("--web-only", **settings)
    with subprocess.Popen(
        [sys.executable, "-m", "arrivals", "serve", "--workers-only"],
        env=environment(**settings),
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    ) as workers:
        order = {"provider": "vtrix", "model": "wan26_t2i", "input": asking_for("a fox [rehearse run=0.1]")}
        with httpx.Client(
            base_url=url, headers={"authorization": "Bearer key-of-16-letters"}, trust_env=False
        ) as client:
            reply = client.post("/v1/generations", json=order, headers={"prefer": "wait=20"}, timeout=25)
        workers.terminate()
        assert 0 == workers.wait()
    assert (200, "completed") == (reply.status_code, reply.json()["status"])
    assert web.pid is not None


def test_server_without_keys_is_one_clear_line(arrivals, postgres_url):
    result = arrivals("serve", DATABASE=postgres_url)
    assert (2, "") == (result.exit_code, result.stdout)
    assert "ARRIVALS_SECRET_KEYS, ARRIVALS_API_KEY and ARRIVALS_CALLBACK_SECRET must be set" in result.stderr


@pytest.mark.parametrize("starts", [1, 2])
def test_port_in_use_is_one_clear_line(arrivals, starts):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for _ in range(starts):
            result = arrivals("serve", PORT=port)
    *facts, line = result.stderr.splitlines()
    expected = f"arrivals: cannot listen on 127.0.0.1:{port} (Address already in use); set ARRIVALS_PORT to another"
    assert (1, expected) == (result.exit_code, line)
    assert (starts == 1) is any("keys_made" in fact for fact in facts)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid", "a..b", "[::1]"])
def test_a_host_that_cannot_be_bound_is_blamed_and_not_the_port(arrivals, host):
    result = arrivals("serve", HOST=host, PORT=free_port())
    line = result.stderr.splitlines()[-1]
    assert 1 == result.exit_code
    assert line.startswith(f"arrivals: cannot listen on {host} (")
    assert "set ARRIVALS_HOST to an address of this machine" in line
    assert "ARRIVALS_PORT" not in line


def test_nothing_to_run_is_wrong_usage(arrivals):
    result = arrivals("serve", "--web-only", "--workers-only")
    assert 2 == result.exit_code
    assert "leave nothing to run" in result.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_proxy_that_the_settings_trust_names_who_calls(started, host):
    """Also where an IPv4 proxy calls a socket that takes both kinds of address."""
    _, url = started(HOST=host, TRUSTED_PROXIES="127.0.0.0/8", API_KEY="key-of-16-letters")

    def status(key, address):
        headers = {"authorization": f"Bearer {key}", "x-forwarded-for": address}
        return httpx.get(f"{url}/v1/generations", headers=headers, trust_env=False).status_code

    guesses = {status(f"guess-{number}", "203.0.113.1") for number in range(BURST)}

    assert {401} == guesses
    assert [429, 200] == [status("key-of-16-letters", address) for address in ("203.0.113.1", "203.0.113.2")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_listening_begins_with_the_binding(host):
    """Who is told that the port is free cannot lose it to somebody else on the way."""
    listening = _listen(host, 0)
    port = listening.getsockname()[1]
    with pytest.raises(OSError, match=f"cannot listen on {host}:{port}"):
        _listen(host, port)
    listening.close()


@pytest.mark.parametrize("accounts", [{}, {"VTRIX_API_KEY": "key"}], ids=["nobody", "vtrix"])
@pytest.mark.parametrize(
    ("web", "workers"), [(True, NAMES), (True, ()), (False, NAMES)], ids=["both", "web", "workers"]
)
async def test_service_runs_until_it_is_told_to_stop(tmp_path, web, workers, accounts):
    configure("json", "error")
    variables = {"DATABASE": str(tmp_path / "my.db"), "PORT": str(free_port()), **accounts}
    settings, _ = with_keys(read_settings({f"ARRIVALS_{name}": text for name, text in variables.items()}))
    before, graces = signal.getsignal(signal.SIGTERM), []
    async with anyio.create_task_group() as group:
        group.start_soon(_serve, settings, web, workers, graces.append)
        async with httpx.AsyncClient(trust_env=False) as client:
            while signal.getsignal(signal.SIGTERM) is before:
                await anyio.lowlevel.checkpoint()
            if web:
                reply = await client.get(f"http://127.0.0.1:{settings.port}/health/ready")
                assert 200 == reply.status_code
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(OSError, match="attempts failed"):
        await anyio.connect_tcp("127.0.0.1", settings.port)
    assert [GRACE_S] == graces
