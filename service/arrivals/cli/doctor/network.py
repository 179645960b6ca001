"""What `arrivals doctor` checks in the network: the public URL, the providers' clocks, and whether they take the keys.

A key goes only where the provider's own module sends it, no redirect is followed, and only questions are asked.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
import socket
from urllib.parse import urlsplit

import httpx

from arrivals.cli.doctor.local import Check, words
from arrivals.config.settings import Settings
from arrivals.core.failure import FailureCode
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.moments import http_date
from arrivals.core.wire import SECOND, since_1970
from arrivals.outbound.policy import OutboundPolicy
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Provider, Refused, Request, Target, Unreadable

TIMEOUT_S = 5.0
CLOCK_TOLERANCE_S = 30.0
NOBODY = "00000000-0000-0000-0000-000000000000"
UNAUTHORIZED, FIRST_OF_THEIRS = 401, 500
ANSWERS = "public URL answers"


def public_url(settings: Settings) -> Iterator[Check]:
    """Providers can reach us: it is set, public, by https, and answers without a redirect."""
    url = settings.public_url
    if url is None:
        calling = sorted(
            {name for name, _ in settings.accounts if any(route.trust for route in PROVIDERS[name].ROUTES)}
        )
        if calling:
            found = f"not set: {', '.join(calling)} could send webhooks, and everything is learned by polls"
            yield Check(name="public URL", ok=False, found=found, advice="set ARRIVALS_PUBLIC_URL")
        else:
            yield Check(name="public URL", ok=True, found="not set; no configured provider sends webhooks")
        return
    objection = _not_public(url)
    advice = "set ARRIVALS_PUBLIC_URL to an https:// address that the internet can reach"
    yield Check(name="public URL", ok=not objection, found=objection or url, advice=advice if objection else None)
    yield _answering(url)


def _not_public(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme != "https":
        return f"{url} is not https"
    host = parts.hostname or ""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        return f"{host} cannot be resolved ({error})"
    private = sorted(address for address in found if not OutboundPolicy().permits(address, "https"))
    return f"{host} leads to {', '.join(private)}, which is not a public address" if private else None


def _answering(url: str) -> Check:
    try:
        reply = httpx.get(f"{url}/health/live", timeout=TIMEOUT_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        found = f"{url} cannot be reached from here ({words(error)})"
        return Check(name=ANSWERS, ok=False, found=found, advice="check DNS, the certificate and the proxy before it")
    if reply.is_redirect:
        found = f"{url} answers with a redirect to {reply.headers.get('location')}; providers do not follow it"
        return Check(name=ANSWERS, ok=False, found=found, advice="name the address behind it, or take it away")
    if not reply.is_success or "live" not in reply.text:
        found = f"{url}/health/live answers HTTP {reply.status_code}, and not as Arrivals does"
        return Check(name=ANSWERS, ok=False, found=found, advice="lead it to where `arrivals serve` listens")
    return Check(name=ANSWERS, ok=True, found=f"{url}/health/live answers, as seen from here")


def providers(settings: Settings) -> Iterator[Check]:
    """Every configured provider: its clock against ours, and each account's key."""
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
        hosts = {found.account.base_url: name for (name, _), found in sorted(settings.accounts.items())}
        for base_url, name in hosts.items():
            yield _clock(client, name, base_url)
        for (name, account), found in sorted(settings.accounts.items()):
            yield _key(client, f"key of {name}/{account}", PROVIDERS[name], found.account)


def _clock(client: httpx.Client, provider: str, base_url: str) -> Check:
    name = f"clock against {provider}"
    try:
        reply = client.head(base_url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        found = f"{base_url} cannot be reached ({words(error)})"
        return Check(name=name, ok=False, found=found, advice="check DNS, the firewall and the setting's address")
    told = http_date(reply.headers.get("date"))
    if told is None:
        return Check(name=name, ok=True, found=f"{base_url} answers, and tells no time")
    off_s = (since_1970(datetime.now(UTC)) - told) / SECOND
    found = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} {base_url}"
    if abs(off_s) > CLOCK_TOLERANCE_S:
        return Check(name=name, ok=False, found=found, advice="set this machine's clock (NTP): signatures depend on it")
    return Check(name=name, ok=True, found=found)


def _key(client: httpx.Client, name: str, provider: Provider, account: Account) -> Check:
    """Whether it is accepted, where asking about a generation that does not exist is a GET."""
    asked = _free_question(provider, account)
    if asked is None:
        return Check(name=name, ok=True, found="not asked: the provider has no question that is free")
    request, target, call = asked
    try:
        reply = client.request(call.method, call.url, headers=dict(call.headers))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        found = f"the provider cannot be reached ({words(error)})"
        return Check(name=name, ok=False, found=found, advice="check DNS, the firewall and the setting's address")
    headers = {header.lower(): value for header, value in reply.headers.items()}
    said = _said(request, HttpReply(http_status=reply.status_code, headers=headers, body=reply.content), target)
    refused = said in (FailureCode.AUTHENTICATION, FailureCode.PERMISSION_DENIED)
    if refused or reply.status_code == UNAUTHORIZED:
        found = f"the provider refuses it (HTTP {reply.status_code})"
        return Check(name=name, ok=False, found=found, advice="set the right ARRIVALS_…_API_KEY")
    if said is FailureCode.INSUFFICIENT_FUNDS:
        return Check(name=name, ok=False, found="accepted, and the account's balance is used up", advice="top it up")
    if reply.status_code >= FIRST_OF_THEIRS:
        found = f"cannot be told: the provider answers HTTP {reply.status_code}"
        return Check(name=name, ok=False, found=found, advice="try again later")
    return Check(name=name, ok=True, found=f"accepted (HTTP {reply.status_code} for an unknown id)")


def _free_question(provider: Provider, account: Account) -> tuple[Request, Target, HttpCall] | None:
    for route in provider.ROUTES:
        if route.adapter.poll is None:
            continue
        target = Target(model=route.models[0], route=route.name, base_url=account.base_url, external_id=NOBODY)
        call = route.adapter.poll.build(target, account)
        if call.method == "GET":
            return route.adapter.poll, target, call
    return None


def _said(request: Request, reply: HttpReply, target: Target) -> FailureCode | None:
    try:
        failure = request.parse(reply, target).failure
    except Refused as refused:
        failure = refused.failure
    except Unreadable:
        return None
    return failure.code if failure else None
