"""The command line in a company's network: its proxy and its authorities are honoured, and wrong ones are named."""

import json

import pytest

from tests.cli.conftest import API_KEY
from tests.support.private_network import private_network

pytestmark = pytest.mark.timeout(30)
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def alone(monkeypatch):
    """Nothing of the machine's own environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def network(alone, tmp_path, monkeypatch):
    with private_network(tmp_path) as network:
        monkeypatch.setenv("SSL_CERT_FILE", str(network.pem))
        monkeypatch.setenv("HTTPS_PROXY", network.proxy.url)
        yield network


def test_commands_reach_the_service_through_the_proxy(arrivals, network):
    result = arrivals("list", "--url", network.url, "--key", API_KEY)

    assert (0, "nothing\n") == (result.exit_code, result.stdout)
    assert [f"{network.host}:443"] == network.proxy.targets


def test_doctor_reaches_public_url_and_provider_as_the_service_would(arrivals, network):
    account = {"VTRIX_API_KEY": "key", "VTRIX_BASE_URL": network.url, "PUBLIC_URL": network.url}
    result = arrivals("doctor", "--json", "--url", network.url, "--key", API_KEY, **account)
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    names = ("service", "public URL answers", "clock against vtrix", "key of vtrix/default")
    assert [] == [checks[name] for name in names if not checks[name]["ok"]]
    assert {f"{network.host}:443"} == set(network.proxy.targets)


def test_doctor_finds_a_proxy_that_refuses(arrivals, network):
    network.proxy.refuses = 403
    account = {"VTRIX_API_KEY": "key", "VTRIX_BASE_URL": network.url}
    result = arrivals("doctor", "--json", **account)
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    assert "403" in checks["clock against vtrix"]["found"]
    assert "proxy" in checks["clock against vtrix"]["advice"]


def test_events_are_forwarded_to_a_program_with_a_certificate_of_the_company(run, ended, alone, tmp_path, monkeypatch):
    made = ended()
    with private_network(tmp_path, host="127.0.0.1") as network:
        monkeypatch.setenv("SSL_CERT_FILE", str(network.pem))
        url = f"https://127.0.0.1:{network.https.port}/hook"
        run("listen", "--forward-to", url, "--no-follow", "--generation", made["id"], "--type", "generation.completed")

    assert [("POST", "/hook")] == [(method, path) for method, path, _ in network.https.requests]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "SSL_CERT_FILE",
            "/nowhere.pem",
            "SSL_CERT_FILE must be the path of a file of certificates (PEM), not /nowhere.pem",
        ),
        ("SSL_CERT_DIR", "/nowhere", "SSL_CERT_DIR must be a folder of certificates; /nowhere is none"),
        ("HTTPS_PROXY", "socks5://user:hush@localhost:1", "HTTPS_PROXY must be the http:// or https:// URL of a proxy"),
    ],
)
@pytest.mark.parametrize(
    "command", [("list", "--url", "https://arrivals.example", "--key", API_KEY), ("serve",), ("doctor",)]
)
def test_what_cannot_be_used_is_named(arrivals, alone, monkeypatch, command, name, value, said):
    monkeypatch.setenv(name, value)
    result = arrivals(*command, VTRIX_API_KEY="key")

    assert result.exit_code == (1 if command == ("doctor",) else 2)
    assert said in " ".join((result.stdout + result.stderr).split())
    assert "hush" not in result.stdout + result.stderr


def test_a_proxy_that_no_call_needs_disturbs_nobody(arrivals, alone, service, monkeypatch):
    """Desktops name one for browsers."""
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:1080/")

    assert 0 == arrivals("list", **service).exit_code


def test_program_behind_a_proxy_that_cannot_be_used_is_said(arrivals, alone, service, monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://localhost:1")
    result = arrivals("listen", "--forward-to", "https://program.example", "--no-follow", **service)

    assert 2 == result.exit_code
    assert "https_proxy must be the http:// or https:// URL of a proxy" in result.stderr
