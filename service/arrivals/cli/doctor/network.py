"""The checks of `arrivals doctor` in the network: the public URL, and the providers' clocks and keys.

A key goes only where the provider's own module sends it, no redirect is followed, and only reading requests are sent.
"""

from collections.abc import Iterator
import socket
from urllib.parse import urlsplit

import httpx

from arrivals.cli.doctor.clock import against
from arrivals.cli.doctor.local import Check, describe
from arrivals.config.settings import Settings
from arrivals.core.failure import FailureCode
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.proxies import BadProxy
from arrivals.outbound.authorities import named_authorities
from arrivals.outbound.policy import OutboundPolicy
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Provider, Refused, Request, Target, Unreadable

TIMEOUT_S = 5.0
NOBODY = "00000000-0000-0000-0000-000000000000"
UNAUTHORIZED, FIRST_OF_THEIRS = 401, 500
ANSWERS = "public URL answers"
WAY_THERE = "check DNS, the firewall, the proxy and the address in the setting"


def public_url(settings: Settings) -> Iterator[Check]:
    """The checks that providers can reach the service: a public https URL that answers without a redirect."""
    url = settings.public_url
    if url is None:
        calling = sorted(
            {name for name, _ in settings.accounts if any(route.trust for route in PROVIDERS[name].ROUTES)}
        )
        if calling:
            result = f"not set: {', '.join(calling)} could send webhooks, but every result is learned by polling"
            yield Check(name="public URL", ok=False, result=result, advice="set ARRIVALS_PUBLIC_URL")
        else:
            yield Check(name="public URL", ok=True, result="not set; no configured provider sends webhooks")
        return
    objection = _not_public(url)
    advice = "set ARRIVALS_PUBLIC_URL to an https:// address that the internet can reach"
    yield Check(name="public URL", ok=not objection, result=objection or url, advice=advice if objection else None)
    yield _answering(settings, url)


def _not_public(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme != "https":
        return f"{url} is not https"
    host = parts.hostname or ""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        return f"{host} cannot be resolved ({error})"
    private = sorted(address for address in addresses if not OutboundPolicy().permits(address, "https"))
    return f"{host} leads to {', '.join(private)}, which is not a public address" if private else None


def _answering(settings: Settings, url: str) -> Check:
    try:
        with connections(settings, url) as client:
            reply = client.get(f"{url}/health/live")
    except (httpx.HTTPError, httpx.InvalidURL, BadProxy) as error:
        result = f"{url} cannot be reached from here ({describe(error)})"
        return Check(name=ANSWERS, ok=False, result=result, advice="check DNS, the certificate and the proxy before it")
    if reply.is_redirect:
        result = f"{url} answers with a redirect to {reply.headers.get('location')}; providers do not follow it"
        return Check(name=ANSWERS, ok=False, result=result, advice="name the address behind it, or remove the setting")
    if not reply.is_success or "live" not in reply.text:
        result = f"{url}/health/live answers HTTP {reply.status_code}, but not as Arrivals does"
        return Check(name=ANSWERS, ok=False, result=result, advice="point it to where `arrivals serve` listens")
    return Check(name=ANSWERS, ok=True, result=f"{url}/health/live answers (checked from here)")


def providers(settings: Settings) -> Iterator[Check]:
    """The checks of every configured provider: its clock against this machine's, and each account's key."""
    hosts = {configured.account.base_url: name for (name, _), configured in sorted(settings.accounts.items())}
    for base_url, name in hosts.items():
        with connections(settings, base_url) as client:
            yield against(name, client, base_url)
    for (name, account), configured in sorted(settings.accounts.items()):
        with connections(settings, configured.account.base_url) as client:
            yield _key(client, f"key of {name}/{account}", PROVIDERS[name], configured.account)


def connections(settings: Settings, url: str) -> httpx.Client:
    """Connections as the service makes them to its providers: the same proxy, the same authorities. Raises BadProxy."""
    proxy = settings.proxies.proxy_for(url)
    return httpx.Client(timeout=TIMEOUT_S, trust_env=False, proxy=proxy, verify=named_authorities())


def _key(client: httpx.Client, name: str, provider: Provider, account: Account) -> Check:
    """The check of a key, by asking about a generation that does not exist, where that is a GET."""
    query = _free_request(provider, account)
    if query is None:
        return Check(name=name, ok=True, result="not checked: the provider has no request that is free")
    request, target, call = query
    try:
        reply = client.request(call.method, call.url, headers=dict(call.headers))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        result = f"the provider cannot be reached ({describe(error)})"
        return Check(
            name=name,
            ok=False,
            result=result,
            advice=WAY_THERE,
        )
    headers = {header.lower(): value for header, value in reply.headers.items()}
    code = _failure_code(request, HttpReply(http_status=reply.status_code, headers=headers, body=reply.content), target)
    refused = code in (FailureCode.AUTHENTICATION, FailureCode.PERMISSION_DENIED)
    if refused or reply.status_code == UNAUTHORIZED:
        result = f"the provider refuses it (HTTP {reply.status_code})"
        return Check(name=name, ok=False, result=result, advice="set the right ARRIVALS_…_API_KEY")
    if code is FailureCode.INSUFFICIENT_FUNDS:
        return Check(name=name, ok=False, result="accepted, but the account's balance is used up", advice="top it up")
    if reply.status_code >= FIRST_OF_THEIRS:
        result = f"cannot be checked: the provider answers HTTP {reply.status_code}"
        return Check(name=name, ok=False, result=result, advice="try again later")
    return Check(name=name, ok=True, result=f"accepted (HTTP {reply.status_code} for an unknown id)")


def _free_request(provider: Provider, account: Account) -> tuple[Request, Target, HttpCall] | None:
    for route in provider.ROUTES:
        if route.adapter.poll is None:
            continue
        target = Target(model=route.models[0], route=route.name, base_url=account.base_url, external_id=NOBODY)
        call = route.adapter.poll.build(target, account)
        if call.method == "GET":
            return route.adapter.poll, target, call
    return None


def _failure_code(request: Request, reply: HttpReply, target: Target) -> FailureCode | None:
    try:
        failure = request.parse(reply, target).failure
    except Refused as refused:
        failure = refused.failure
    except Unreadable:
        return None
    return failure.code if failure else None
