"""Every other reader of bytes from outside as a target: tokens, signatures, settings, streams, requests, URLs."""

import ipaddress
from pathlib import Path
import re
import secrets
import time
from typing import cast

import httpx
import msgspec
from starlette.requests import Request
from yarl import URL

from arrivals.cli.save_fixture import exported
from arrivals.client.stream import events_of
from arrivals.client.verify import TOLERANCE_S, Unverified, verify
from arrivals.config.declarations import BY_NAME, PREFIX, PROVIDER_SETTINGS, BadSetting
from arrivals.config.key_file import read_keys
from arrivals.config.settings import Settings, read_settings
from arrivals.core import sse
from arrivals.core.http import InboundWebhook, join_headers
from arrivals.core.standard_webhooks import BadSecret, make_private_key, make_secret, public_key, signed_headers
from arrivals.core.wire import from_json, read_rfc3339
from arrivals.flow.callback_url import CallbackUrls, UnknownToken
from arrivals.flow.observation.receive import shown_headers
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.url import read_url
from arrivals.providers.catalog import PROVIDERS
from arrivals.web import validation
from arrivals.web.api.ranges import bytes_response
from arrivals.web.app import ENDPOINTS
from arrivals.web.errors import Problem
from arrivals.web.preferences import MAX_WAIT_S, preferred_wait
from tests.attack.readers import message_of
from tests.attack.target import Target, must
from tests.support.fixtures import pieces

WEBHOOKS = tuple(
    piece.raw for name in PROVIDERS for piece in pieces(name) if piece.meta["reads"] == "webhook"
)  # fmt: skip
STREAMS = tuple(piece.reply.body for name in PROVIDERS for piece in pieces(name) if piece.meta["reads"] == "stream")
PROVIDER_PARTS = [setting.name for setting in PROVIDER_SETTINGS]


def every():
    """All the targets of this module."""
    yield Target("token", _token, _TOKENS)
    yield Target("challenge", _challenge, (*WEBHOOKS, b'{"challenge": "x"}'))
    yield Target("export", _export, WEBHOOKS)
    yield Target("settings", _settings, _SETTINGS)
    yield Target("keyring", _keyring, (b'{"secret_keys": ["a"], "api_key": "b", "callback_secret": "c"}',))
    yield Target("delivery", _delivery, (_DELIVERED,))
    yield Target("sse", _events, (*STREAMS, b"data: a\r\rdata:b\n\ndata\n\n", b"\xef\xbb\xbfid: 1\ndata: {}\n\n"))
    yield Target("client-stream", _blocks, (*STREAMS, b"retry: 1\nid: 3\n\nid: 4\nevent: ping\ndata: {}\n\n"))
    yield Target("json", _json, WEBHOOKS)
    yield Target("destination", _destination, _URLS)
    yield Target("range", _range, (b"bytes=0-3", b"bytes=-1", b"bytes=5-", b"bytes=0-0,1-2"))
    yield Target("prefer", _prefer, (b"wait=5", b'respond-async, wait="10"', b"wait=99999"))
    yield Target("moment", _moment, (b"2026-11-20T12:00:00.000Z", b"0001-01-01T00:00:00+23:59", b"9999-12-31"))
    for endpoint in ENDPOINTS:
        if endpoint.body is not None:
            yield Target(f"body {endpoint.method} {endpoint.path}", _body(endpoint.body), _bodies_of(endpoint.body))
        if endpoint.query is not None:
            yield Target(
                f"query {endpoint.method} {endpoint.path}", _query(endpoint.query), _queries_of(endpoint.query)
            )


# ---------------------------------------------------------------- tokens and signatures

_CALLBACKS = CallbackUrls(
    public_url="https://arrivals.example.com", keys=("newest-key-of-tests", "older-key-of-the-tests")
)
_OLDER = CallbackUrls(public_url="https://arrivals.example.com", keys=("older-key-of-the-tests",))
_STRANGERS = CallbackUrls(public_url="https://arrivals.example.com", keys=("key-of-another-installation",))
_MINTED = {
    (provider, "gen_01", "default"): minting.url(provider, "default", "gen_01").rpartition("/")[2]
    for minting in (_OLDER, _CALLBACKS)
    for provider in PROVIDERS
}
_TOKENS = (
    *(token.encode() for token in _MINTED.values()),
    *(_STRANGERS.url(name, "default", "gen_01").rpartition("/")[2].encode() for name in PROVIDERS),
)


def _token(raw):
    """A token opens for the provider it was minted for, as what it was minted for, or not at all."""
    text = raw.decode("latin-1")
    for provider in PROVIDERS:
        try:
            named = _CALLBACKS.open(provider, text)
        except UnknownToken:
            continue
        must((provider, *named) in _MINTED, f"{text!r} opens for {provider} as {named}")


def _challenge(raw):
    from arrivals.web import callbacks

    body = callbacks.challenge_of(message_of(raw, "webhook").body)
    must(body is None or isinstance(body.challenge, str), f"a challenge {body!r}")
    headers = join_headers([*message_of(raw, "webhook").headers.items()] * 2)
    msgspec.json.encode(shown_headers(InboundWebhook(headers=headers)))


def _export(raw):
    """A webhook of any sender is exported, or the tool reports that nothing reads it."""
    webhook = message_of(raw, "webhook")
    for provider, module in PROVIDERS.items():
        model = next((route.models[0].replace("*", "x") for route in module.ROUTES if route.trust), None)
        if model is None:
            continue
        stored = {
            "provider": provider, "headers": shown_headers(webhook), "body": webhook.body.decode(errors="replace"),
            "body_base64": False, "verified_by": None, "quarantined_at": None, "refused_reason": None,
            "received_at": "2026-11-20T12:00:00.000Z", "id": "whk_1",
        }  # fmt: skip
        try:
            piece = exported(stored, model, NOON)
        except OSError:
            continue
        must(piece.http and msgspec.json.decode(piece.expect), "an empty piece")


NOON = __import__("datetime").datetime(2026, 11, 20, 12, tzinfo=__import__("datetime").UTC)
_SECRET = make_secret(bytes(32))
_PRIVATE = make_private_key(bytes(range(32)))
_EVENT = b'{"id": "evt_1", "type": "ping", "timestamp": "2026-11-20T12:00:00.000Z", "data": {}}'
_SIGNED = signed_headers([_SECRET], "evt_1", 1_795_000_000, _EVENT, [_PRIVATE])
_DELIVERED = (
    "".join(["POST / HTTP/1.1\n", *(f"{name}: {value}\n" for name, value in _SIGNED.items()), "\n"]).encode() + _EVENT
)


def _delivery(raw):
    """Our client believes an event as it was signed, within its time, and nothing else."""
    sent = message_of(raw, "webhook")
    for secret in (_SECRET, public_key(_PRIVATE), make_secret(secrets.token_bytes(32))):
        try:
            verify(secret, sent.body, sent.headers, now=1_795_000_000.0)
        except (Unverified, BadSecret):
            continue
        same = (sent.body, sent.headers["webhook-id"]) == (_EVENT, "evt_1")
        must(same and secret in (_SECRET, public_key(_PRIVATE)), "an event was believed that nobody signed")
        must(abs(int(sent.headers["webhook-timestamp"]) - 1_795_000_000) <= TOLERANCE_S, "an old one was")


# ---------------------------------------------------------------- settings

_VALUES = {
    "DATABASE": "postgresql://u:p@h:5432/d", "PORT": "8080", "PUBLIC_URL": "https://a.example.com:8443/x/",
    "SECRET_KEYS": "a" * 16 + "," + "b" * 16, "ALLOW_DESTINATIONS": "10.0.0.0/8,::1/128", "API_KEY": "k" * 16,
    "RETRY_SCHEDULE_S": "0,5,300", "KEEP_EVENTS_DAYS": "forever", "HELD_S": "1e3", "LOG_LEVEL": "debug",
}  # fmt: skip
_SETTINGS = (
    "\n".join(f"{PREFIX}{name}={_VALUES.get(name, '1')}" for name in BY_NAME).encode(),
    *(f"{PREFIX}{name}={value}".encode() for name, value in _VALUES.items()),
    *(
        "\n".join(
            f"{PREFIX}{name.upper()}{infix}{part}={'k' * 16}"
            for part in (setting.name for setting in PROVIDER_SETTINGS)
        ).encode()
        for name in PROVIDERS
        for infix in ("_", "__TEAM_B_")
    ),
)


SECRETIVE = re.compile(r"_KEYS?$|SECRET$|DATABASE$")


def _settings(raw):
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    environment = dict(line.partition("=")[::2] for line in lines)
    try:
        settings = read_settings(environment)
    except BadSetting as error:
        names = "".join(environment)
        secret = [value for name, value in environment.items() if SECRETIVE.search(name) and len(value) > 8]
        must(not any(value in str(error) and value not in names for value in secret), f"a secret stands in {error}")
        return
    must(
        isinstance(settings, Settings) and "k" * 16 not in repr(settings), f"not settings, or a secret in {settings!r}"
    )


def _keyring(raw):
    try:
        read_keys(cast("Path", _File(raw)))
    except BadSetting as error:
        must("secret" not in str(error).partition(":")[0], "a key stands in an error")


class _File:
    """The part of a path's interface that is used."""

    def __init__(self, content):
        self._content = content

    def read_bytes(self):
        """The file's content."""
        return self._content


# ---------------------------------------------------------------- streams and JSON


def _events(raw):
    """However the bytes come in pieces, the same events come out of them."""
    for size in (1, 7, len(raw) or 1):
        split_events, buffer = [], b""
        for at in range(0, len(raw), size):
            buffer += raw[at : at + size]
            events, buffer = sse.split(buffer)
            split_events += events
        if size == 1:
            expected = split_events
        must(split_events == expected, f"{len(split_events)} events in pieces of {size}, {len(expected)} byte by byte")


def _blocks(raw):
    whole, pieces_ = _read_blocks([raw]), _read_blocks([raw[at : at + 3] for at in range(0, len(raw), 3)])
    must(whole == pieces_, "other blocks when they come in pieces")


def _read_blocks(chunks):
    try:
        return [*events_of(chunks)]
    except ValueError:  # an id that is no text: the client gives up on such a stream
        return None


def _json(raw):
    try:
        from_json(raw)
    except ValueError:
        return


def _moment(raw):
    try:
        read_rfc3339(raw.decode("latin-1"))
    except ValueError:
        return


# ---------------------------------------------------------------- URLs

_URLS = (
    b"https://example.com/hook?a=1", b"http://127.0.0.1:8080/", b"https://[::1]/", b"https://[::ffff:10.0.0.1]/x",
    b"https://10.0.0.1.nip.io/", b"https://0x7f.1/", b"https://2130706433/", "https://127。0。0。1/".encode(),
    b"https://user:password@example.com/", b"https://example.com:0/", b"https://[fe80::1%25eth0]/", b"https://[64:ff9b::a00:1]/",
)  # fmt: skip
_NOWHERE, _LOOPBACK = OutboundPolicy(), OutboundPolicy([ipaddress.ip_network("127.0.0.0/8")])


def _destination(raw):
    """An address that may not be called is objected to as it is written, or is no address as it is sent."""
    text = raw.decode("utf-8", "replace")[:3000]
    for destinations in (_NOWHERE, _LOOPBACK):
        if destinations.objection(text) is not None:
            continue
        host = httpx.URL(text).raw_host.decode()
        try:
            address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            address = None
        must(
            address is None or destinations.permits(str(address), text.partition(":")[0].lower()),
            f"{text!r} is let through",
        )
        try:
            sent = read_url(text)
        except httpx.InvalidURL:
            continue
        must(isinstance(sent, URL) and sent.raw_host is not None, f"{text!r} is sent nowhere")
        must(
            (sent.host or "").strip("[]") == host.strip("[]"),
            f"{text!r} is checked as {host!r} and sent to {sent.host!r}",
        )
        must(sent.raw_user is None and sent.raw_password is None, "credentials are sent along")


# ---------------------------------------------------------------- requests


def _range(raw):
    try:
        answer = bytes_response(b"0123456789", "image/png", '"tag"', {"range": raw.decode("latin-1")})
    except Problem as problem:
        must(problem.details.status == 416, f"a range is answered {problem.details.status}")
        return
    must(answer.status_code in (200, 206) and len(answer.body) <= 10, "more bytes than there are")


def _prefer(raw):
    wait_s = preferred_wait([raw.decode("latin-1")])
    must(wait_s is None or 0 <= wait_s <= MAX_WAIT_S, f"a wait of {wait_s!r}")


def _body(shape):
    """A request's body is of its shape, or answered 400 or 422."""

    def eat(raw):
        began = time.monotonic()
        try:
            read = validation.read_body(raw, shape)
        except Problem as problem:
            must(problem.details.status in (400, 422), f"a body is answered {problem.details.status}")
            problem.response()
            return
        must(isinstance(read, shape), f"a body became {read!r}")
        must(len(msgspec.json.encode(read)) < 10 * len(raw) + 10_000, "a body grew")
        must(time.monotonic() - began < 5, "a body took seconds")

    return eat


def _query(shape):
    """A request's query is of its shape, or answered 422."""

    def eat(raw):
        request = Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": raw})
        try:
            read = validation.read_query(request.query_params.multi_items(), shape)
        except Problem as problem:
            must(problem.details.status == 422, f"a query is answered {problem.details.status}")
            problem.response()
            return
        must(isinstance(read, shape), f"a query became {read!r}")

    return eat


_EXAMPLES = {
    "provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": "a fox"}, "inputs": [{"prompt": "a fox"}],
    "metadata": {"order": "42"}, "callback_url": "https://example.com/x", "deadline_s": 60.5, "account": "default",
    "url": "https://example.com/hook", "event_types": ["generation.completed"], "filter": {"provider": "vtrix"},
    "description": "one", "max_in_flight": 5, "rate_per_s": 0.5, "signatures": ["v1", "v1a"],
    "since": "2026-11-20T12:00:00Z", "what": "events", "filters": {"missed": True}, "dry_run": True,
    "subscriber": "sub_1", "paused": True, "disabled": False,
}  # fmt: skip


def _bodies_of(shape):
    names = [field.name for field in msgspec.structs.fields(shape)]
    whole = {name: _EXAMPLES[name] for name in names if name in _EXAMPLES}
    return (msgspec.json.encode(whole), *(msgspec.json.encode({name: value}) for name, value in whole.items()))


def _queries_of(shape):
    names = [field.name for field in msgspec.structs.fields(shape)]
    return ("&".join(f"{name}=1" for name in names).encode(), *(f"{name}=%00%ff+&{name}=x".encode() for name in names))
