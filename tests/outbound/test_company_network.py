"""Providers are called through the operator's proxy, by the operator's authorities; what users name never is."""

import ipaddress
import ssl
from types import SimpleNamespace

import pytest

from arrivals.core.http import HttpCall
from arrivals.core.proxies import read_proxies
from arrivals.outbound import authorities
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import NoAnswer, NotSent, Reason, Transport
from tests.support.private_network import HANGS_UP, private_network
from tests.support.processes import call_of, say

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
SUBJECT_HASH = "cf20e48a.0"  # by which OpenSSL finds the authority in a folder: it depends on its name alone
ANSWER = b'{"data": [], "next": null, "status": "live"}'


@pytest.fixture
def network(tmp_path):
    with private_network(tmp_path) as network:
        yield network


@pytest.fixture
def there(tmp_path):
    """The same server without a proxy: its certificate is for its address."""
    with private_network(tmp_path, host="127.0.0.1") as network:
        network.url = f"https://127.0.0.1:{network.https.port}"
        yield network


@pytest.fixture
async def transport_in():
    """Makes a transport in an environment."""
    made = []

    def make(**environment):
        made.append(Transport(OutboundPolicy(LOOPBACK), read_proxies(environment)))
        return made[-1]

    yield make
    for transport in made:
        await transport.close()


async def fetched(transport, url, *, provider):
    async with transport.fetch(call_of(url, "GET"), provider=provider) as reply:
        return b"".join([chunk async for chunk in reply.body])


async def streamed(transport, url):
    async with transport.stream(call_of(url), 5, 5) as reply:
        return b"".join([chunk async for chunk in reply.body])


async def test_every_call_to_a_provider_goes_through_the_proxy(network, transport_in, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(network.pem))
    transport = transport_in(HTTPS_PROXY=network.proxy.url)
    bodies = [(await say(transport, verb, network.url)).body for verb in ("send", "submit", "get_json")]
    bodies += [await fetched(transport, network.url, provider=True), await streamed(transport, network.url)]

    assert [ANSWER] * 5 == bodies
    assert {f"{network.host}:443"} == set(network.proxy.targets)
    assert ["POST", "POST", "POST", "GET", "POST"] == [method for method, _, _ in network.https.requests]


async def test_a_key_for_the_provider_is_not_shown_to_the_proxy(network, transport_in, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(network.pem))
    proxy = network.proxy.url.replace("://", "://user:pass%20word@")
    call = HttpCall(method="POST", url=network.url, headers={"authorization": "Bearer provider-key"}, body=b"{}")
    await transport_in(HTTPS_PROXY=proxy).send(call)

    ((_, _, headers),) = network.https.requests
    assert ("Bearer provider-key", None) == (headers["authorization"], headers.get("proxy-authorization"))
    (head,) = network.proxy.heads
    assert "provider-key" not in head
    assert "Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=" in head


@pytest.mark.parametrize("refusal", [403, 407, 502])
@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_what_the_proxy_refuses_was_surely_not_sent(network, transport_in, verb, refusal):
    network.proxy.refuses = refusal
    with pytest.raises(NotSent, match=f"the proxy answered HTTP {refusal}") as caught:
        await say(transport_in(HTTPS_PROXY=network.proxy.url), verb, network.url)
    assert Reason.CONNECT == caught.value.reason


@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_where_the_proxy_hangs_up_before_it_leads_anywhere_nothing_was_sent(network, transport_in, verb):
    network.proxy.refuses = HANGS_UP
    with pytest.raises(NotSent, match="the proxy hung up") as caught:
        await say(transport_in(HTTPS_PROXY=network.proxy.url), verb, network.url)
    assert Reason.CONNECT == caught.value.reason


@pytest.mark.parametrize("verb", ["send", "submit"])
async def test_where_the_provider_hangs_up_behind_the_proxy_nobody_knows(network, transport_in, monkeypatch, verb):
    monkeypatch.setenv("SSL_CERT_FILE", str(network.pem))
    transport = transport_in(HTTPS_PROXY=network.proxy.url)
    await transport.send(call_of(network.url))  # what is kept alive is used again
    network.https.answer = HANGS_UP
    with pytest.raises(NoAnswer) as caught:
        await say(transport, verb, network.url)
    assert Reason.DISCONNECTED == caught.value.reason


async def test_a_certificate_that_is_not_trusted_behind_the_proxy_was_sent_nothing(network, transport_in):
    with pytest.raises(NotSent) as caught:
        await transport_in(HTTPS_PROXY=network.proxy.url).submit(call_of(network.url))
    assert (Reason.TLS, []) == (caught.value.reason, network.https.requests)


async def test_a_proxy_that_is_not_there_was_sent_nothing(transport_in, network):
    network.proxy.server.server_close()
    for environment in ({"HTTPS_PROXY": network.proxy.url}, {"ALL_PROXY": "socks5://127.0.0.1:1"}):
        with pytest.raises(NotSent) as caught:
            await transport_in(**environment).submit(call_of(network.url))
        assert Reason.CONNECT == caught.value.reason


async def test_no_proxy_is_called_directly(network, transport_in):
    transport = transport_in(HTTPS_PROXY=network.proxy.url, NO_PROXY="company.example")
    with pytest.raises(NotSent) as caught:
        await transport.send(call_of(network.url))

    assert (Reason.DNS, []) == (caught.value.reason, network.proxy.heads)


async def test_without_settings_there_is_no_proxy(network, monkeypatch):
    """The environment is read where settings are, and nowhere else."""
    monkeypatch.setenv("HTTPS_PROXY", network.proxy.url)
    transport = Transport(OutboundPolicy(LOOPBACK))
    with pytest.raises(NotSent):
        await transport.send(call_of(network.url))
    await transport.close()

    assert [] == network.proxy.heads


async def test_what_users_name_never_goes_through_a_proxy(network, transport_in, monkeypatch):
    """A proxy resolves names itself, so that no address could be checked."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, network.proxy.url)
    transport = transport_in(HTTPS_PROXY=network.proxy.url, HTTP_PROXY=network.proxy.url, ALL_PROXY=network.proxy.url)
    for url in (network.url, network.url.replace("https", "http")):
        with pytest.raises(NotSent):
            await transport.deliver(call_of(url), 5, 100)
        with pytest.raises(NotSent):
            await fetched(transport, url, provider=False)

    assert [] == network.proxy.heads


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_authorities_that_the_environment_names_count_for_providers_alone(there, transport_in, monkeypatch, name):
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(other, raising=False)
    (there.folder / SUBJECT_HASH).write_bytes(there.pem.read_bytes())
    monkeypatch.setenv(name, str(there.pem if name == "SSL_CERT_FILE" else there.folder))
    transport = transport_in()

    assert ANSWER == (await transport.send(call_of(there.url))).body
    assert ANSWER == await fetched(transport, there.url, provider=True)
    assert [Reason.TLS] * 2 == await refusals(transport, there.url)


async def refusals(transport, url):
    """Why what users name is not called, as a delivery and as a file."""
    reasons = []
    for call in (transport.deliver(call_of(url), 5, 100), fetched(transport, url, provider=False)):
        with pytest.raises(NotSent) as caught:
            await call
        reasons.append(caught.value.reason)
    return reasons


@pytest.fixture
def machine(monkeypatch):
    """Sets the machine's own authorities."""

    def have(file="/nowhere", folder="/nowhere"):
        paths = SimpleNamespace(openssl_cafile=str(file), openssl_capath=str(folder))
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)

    return have


@pytest.mark.parametrize("place", ["file", "folder"])
async def test_authorities_of_the_machine_count_for_what_users_name(there, transport_in, machine, place):
    (there.folder / SUBJECT_HASH).write_bytes(there.pem.read_bytes())
    machine(**{place: there.pem if place == "file" else there.folder})
    transport = transport_in()

    assert ANSWER == (await transport.deliver(call_of(there.url), 5, 100)).body
    assert ANSWER == await fetched(transport, there.url, provider=False)


async def test_where_the_machine_has_no_authorities_the_public_ones_count(there, transport_in, machine, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(there.pem))
    (there.folder / "empty").mkdir()
    machine(folder=there.folder / "empty")

    assert 100 < authorities.machine_authorities().cert_store_stats()["x509_ca"]
    assert [Reason.TLS] * 2 == await refusals(transport_in(), there.url)
