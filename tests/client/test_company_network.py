"""The client in a company's network: through its proxy, by its authorities, as other programs there."""

import pytest

from arrivals.client import Client, Unreachable
from tests.support.private_network import private_network

KEY = "the-key-of-the-tests"


@pytest.fixture
def network(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with private_network(tmp_path) as network:
        monkeypatch.setenv("SSL_CERT_FILE", str(network.pem))
        yield network


def read(url):
    with Client(url, KEY, timeout_s=5) as client:
        return client.get("/v1/generations")


def test_the_service_is_called_through_the_proxy_that_sees_no_key(network, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", network.proxy.url)

    assert [] == read(network.url)["data"]

    ((_, path, headers),) = network.https.requests
    assert ("/v1/generations", f"Bearer {KEY}") == (path, headers["authorization"])
    assert [f"{network.host}:443"] == network.proxy.targets
    assert KEY not in network.proxy.heads[0]


def test_a_stream_goes_through_it_too(network, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", network.proxy.url)
    network.https.answer = (200, b"{}")
    with Client(network.url, KEY) as client, pytest.raises(Exception, match="is this the URL of an Arrivals service"):
        client.events("0")

    assert [f"{network.host}:443"] == network.proxy.targets


def test_no_proxy_is_called_directly(network, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", network.proxy.url)
    monkeypatch.setenv("NO_PROXY", ".company.example")
    with pytest.raises(Unreachable):
        read(network.url)

    assert [] == network.proxy.heads


def test_a_service_on_this_machine_is_never_called_through_a_proxy(network, monkeypatch):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, network.proxy.url)
    with (
        Client(f"http://127.0.0.1:{network.proxy.port}", KEY, timeout_s=5) as client,
        pytest.raises(Exception, match="405"),
    ):
        client.get("/v1/generations")  # the proxy is all that listens there: it is asked as a service, not as a proxy

    (head,) = network.proxy.heads
    assert head.startswith("GET /v1/generations ")


def test_an_authority_that_nobody_named_is_not_trusted(network, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", network.proxy.url)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        read(network.url)

    assert [] == network.https.requests


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_named(network, monkeypatch, tmp_path, text):
    path = tmp_path / "broken.pem"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ValueError, match="that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"):
        Client(network.url, KEY)


def test_a_proxy_that_cannot_be_used_is_named(network, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ValueError, match=r"^HTTPS_PROXY must be the http:// or https:// URL of a proxy"):
        Client(network.url, KEY)
