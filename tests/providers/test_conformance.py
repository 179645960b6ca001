"""Catalog and fixtures: every conversation piece is read as it says, and no mangled copy of one breaks a reader."""

import msgspec
from msgspec import structs
from msgspec.structs import replace
import pytest

from arrivals.core import sse
from arrivals.core.generation import Status, VerifiedBy
from arrivals.core.wire import from_json, rfc3339
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Refused, Target, Trust, Unreadable, Unverified, route_of
from tests.support.fixtures import FIXTURES, pieces
from tests.support.schemas import is_sound


def expected_of(piece):
    """The expectation of a piece that is read as one reading; an empty one for any other."""
    expected = piece.meta.get("expect")
    return expected if isinstance(expected, dict) else {}


PIECES = {name: pieces(name) for name in PROVIDERS}
EVERY_PIECE = [piece for provider in PIECES.values() for piece in provider]
PROVEN = [piece for piece in EVERY_PIECE if piece.meta["reads"] == "webhook" and expected_of(piece).get("verified_by")]
SIGNED = [piece for piece in PROVEN if piece.meta["expect"]["verified_by"] == VerifiedBy.SIGNATURE]
REFUSALS = [piece for piece in EVERY_PIECE if "refused" in piece.meta and piece.reply.http_status >= 400]
OUTCOMES = ("expect", "events", "refused", "unverified", "unreadable")

LEAST = ("poll-processing", "poll-completed", "poll-failed")
LEAST_CANCELED = ("cancel-accepted",)
LEAST_WITH_WEBHOOKS = ("webhook-completed", "webhook-failed")
LEAST_AUTHENTICATED = ("webhook-forged",)
UNSIGNED = ("runblob", "vtrix")

# Where a failure lacks its reason because another channel tells it.
CODE_IS_TOLD_ELSEWHERE = {("eachlabs", "predictions", "webhook")}
REASON_IS_TOLD_ELSEWHERE = {("runblob", "poll")}

STRANGERS = (None, True, -1.5, 10**15, 1e308, "", "\x00 é", "https://[", [], [None], {}, {"error": {"code": 1}})
NOT_JSON = (b"", b" ", b"null", b"[]", b'"text"', b"1e999", b"NaN", b"\xff\xfe{}", b'{"id": "\xff"}')
HARDLY_JSON = (
    b'{"status": NaN}',
    b'{"id": "\\ud800", "status": "\\udfff"}',
    b'{"id": 1' + b"0" * 400 + b', "progress": 1e400}',
)
DEEP = (b"[" * 100_000, b'{"status":' * 100_000, b'{"output":' * 500 + b"1" + b"}" * 500)


def channel_of(piece):
    """(provider, route, what is read): one reader."""
    return piece.provider, route_of(PROVIDERS[piece.provider], piece.meta["model"]).name, piece.meta["reads"]


CHANNELS = {
    channel: [piece for piece in EVERY_PIECE if channel_of(piece) == channel]
    for channel in dict.fromkeys(map(channel_of, EVERY_PIECE))
}


def message_of(piece, **changed):
    """A piece as a value: a provider's call, or its answer."""
    return replace(piece.webhook if piece.meta["reads"] == "webhook" else piece.reply, **changed)


def parts_of(piece):
    """The channel of a piece, its target, and the adapter's reader."""
    provider, meta = PROVIDERS[piece.provider], piece.meta
    route = route_of(provider, meta["model"])
    target = Target(
        model=meta["model"], route=route.name, base_url=provider.BASE_URL, external_id=meta.get("external_id")
    )
    adapter = route.adapter
    reader = {
        "submit": lambda: adapter.read_submitted,
        "poll": lambda: adapter.poll.parse,
        "follow": lambda: adapter.fetch_result.parse,
        "cancel": lambda: adapter.cancel.parse,
        "bulk": lambda: adapter.bulk.read_submitted,
        "webhook": lambda: adapter.read_webhook,
        "stream": lambda: adapter.read_event,
    }[meta["reads"]]()
    return meta["reads"], target, reader


def reader_of(piece):
    """The reader of the piece's channel, about the piece's generation."""
    reads, target, reader = parts_of(piece)
    if reads == "stream":
        return lambda message: [reader(event, target) for event in events_of(message)]
    return lambda message: reader(message, target)


def events_of(reply):
    """The events of a stream, in order, without the one that ends it."""
    return [event.data for event in sse.split(reply.body)[0] if event.data not in (None, sse.DONE)]


def outcome_of(piece):
    """The result of reading a piece, in the terms of an `.expect.json`."""
    message, vouched = message_of(piece), {}
    try:
        if piece.meta["reads"] == "webhook":
            vouched = {"verified_by": PROVIDERS[piece.provider].verify(message, piece.meta["secrets"])}
        reading = reader_of(piece)(message)
        if piece.meta["reads"] == "stream":
            last = reading[-1] if reading else None
            return {"events": len(reading), "expect": last and in_words(last)}
        if isinstance(reading, list):
            return {"expect": [one_of_several(answer) for answer in reading]}
        return {"expect": in_words(reading) | vouched}
    except Refused as refused:
        return {"refused": facts(refused.failure)}
    except Unreadable:
        return {"unreadable": True}
    except Unverified:
        return {"unverified": True}


def one_of_several(answer):
    """One answer of a bulk order's."""
    return {"refused": facts(answer.failure)} if isinstance(answer, Refused) else in_words(answer)


def in_words(reading):
    """A reading as a fixture writes it."""
    return {
        "external_id": reading.external_id,
        "status": reading.status,
        "provider_status": reading.provider_status,
        "progress": reading.progress,
        "queue_position": reading.queue_position,
        "outputs": [
            {"kind": output.kind, "url": output.url, "requires_auth": output.requires_auth}
            | {"content_type": output.content_type, "expires_at": rfc3339(output.expires_at)}
            for output in reading.outputs
        ],
        "failure": facts(reading.failure) if reading.failure else None,
        "cost": structs.asdict(reading.cost) if reading.cost else None,
    }


def facts(failure):
    """A failure as a fixture writes it."""
    named = structs.asdict(failure)
    return named | {"alternatives": list(named["alternatives"]) if named["alternatives"] else None}


@pytest.mark.parametrize("piece", EVERY_PIECE, ids=lambda piece: piece.name)
def test_piece_is_read_as_it_says(piece):
    expected = {outcome: piece.meta[outcome] for outcome in OUTCOMES if outcome in piece.meta}

    assert expected == comparable(outcome_of(piece), expected)


def comparable(finding, expected):
    """The finding, with only those facts of an output, and details of a failure, that the piece tells."""
    if isinstance(finding, dict) and isinstance(expected, dict):
        return {
            name: comparable(value, expected.get(name))
            for name, value in finding.items()
            if name in expected or name not in ("content_type", "expires_at", "details")
        }
    if isinstance(finding, list) and isinstance(expected, list) and len(finding) == len(expected):
        return [comparable(*pair) for pair in zip(finding, expected, strict=True)]
    return finding


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_route_has_the_least_pieces(name):
    """Adding a provider is a module, a line and these files; without them nobody has shown that it reads."""
    least = [
        f"{name}/{route.name.replace('/', '-')}-{what}"
        for route in PROVIDERS[name].ROUTES
        for what in ("submit-accepted" if route.polls and not route.adapter.read_event else "submit-completed",)
        + (LEAST if route.polls else ())
        + (LEAST_CANCELED if route.adapter.cancel else ())
        + (LEAST_WITH_WEBHOOKS if route.trust else ())
        + (LEAST_AUTHENTICATED if route.trust and name not in UNSIGNED else ())
    ]

    assert [] == [wanted for wanted in least if wanted not in {piece.name for piece in PIECES[name]}]


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_piece_has_its_expectation_and_stands_under_its_route(name):
    raw = {path.stem for path in (FIXTURES / name).glob("*.http")}
    described = {path.name.removesuffix(".expect.json") for path in (FIXTURES / name).glob("*.expect.json")}
    misplaced = [
        piece.name
        for piece in PIECES[name]
        if not piece.name.startswith(
            f"{name}/{route_of(PROVIDERS[name], piece.meta['model']).name.replace('/', '-')}-{piece.meta['reads']}-"
        )
    ]

    assert raw == described
    assert [] == misplaced


@pytest.mark.parametrize("name", PROVIDERS)
def test_failure_without_its_reason_awaits_it_where_another_channel_tells(name):
    """A failed webhook of a prediction has no code, a failed poll of RunBlob often no reason; the other may have it."""
    failed = [
        (piece, reading)
        for piece in PIECES[name]
        if expected_of(piece).get("status") == Status.FAILED and piece.meta["reads"] in ("poll", "webhook")
        for reading in [reader_of(piece)(message_of(piece))]
    ]
    waiting = [
        piece.name
        for piece, reading in failed
        if (
            (name, route_of(PROVIDERS[name], piece.meta["model"]).name, piece.meta["reads"]) in CODE_IS_TOLD_ELSEWHERE
            and reading.failure.provider_code is None
        )
        or ((name, piece.meta["reads"]) in REASON_IS_TOLD_ELSEWHERE and reading.failure.message is None)
    ]

    assert waiting == [piece.name for piece, reading in failed if reading.awaits_detail]


@pytest.mark.parametrize("channel", CHANNELS, ids=" ".join)
def test_mangled_piece_is_refused_or_unreadable_or_read(channel):
    """Whatever the bytes, a reader raises nothing but its three errors, and what it reads is of the promised types."""
    different = {body: piece for piece in CHANNELS[channel] for body in bodies_of(piece)}
    odd = [odd for body, piece in different.items() for odd in unsound(piece, "body", mangled(body))]

    assert [] == odd


@pytest.mark.parametrize("channel", CHANNELS, ids=" ".join)
def test_body_that_is_hardly_json_breaks_no_reader(channel):
    """Nor one nested beyond all bounds; under each HTTP status that the channel's pieces came with."""
    different = {getattr(message_of(piece), "http_status", None): piece for piece in CHANNELS[channel]}
    odd = [odd for piece in different.values() for odd in unsound(piece, "body", (*NOT_JSON, *HARDLY_JSON, *DEEP))]

    assert [] == odd


@pytest.mark.parametrize("channel", CHANNELS, ids=" ".join)
def test_mangled_headers_break_no_reader(channel):
    odd = [odd for piece in CHANNELS[channel] for odd in unsound(piece, "headers", garbled(message_of(piece).headers))]

    assert [] == odd


@pytest.mark.parametrize("piece", PROVEN, ids=lambda piece: piece.name)
@pytest.mark.parametrize("proof", ["", " ", "sha256=", "\x00", "é", "0" * 64, "sha256=" + "g" * 64, "x" * 10_000])
def test_webhook_with_another_proof_is_not_believed(piece, proof):
    headers = dict.fromkeys(message_of(piece).headers, proof)

    with pytest.raises(Unverified):
        PROVIDERS[piece.provider].verify(message_of(piece, headers=headers), piece.meta["secrets"])


@pytest.mark.parametrize("piece", PROVEN, ids=lambda piece: piece.name)
def test_webhook_without_its_proof_is_not_believed(piece):
    with pytest.raises(Unverified):
        PROVIDERS[piece.provider].verify(message_of(piece, headers={}), piece.meta["secrets"])


@pytest.mark.parametrize("piece", SIGNED, ids=lambda piece: piece.name)
def test_signed_webhook_with_another_body_is_not_believed(piece):
    with pytest.raises(Unverified):
        PROVIDERS[piece.provider].verify(message_of(piece, body=message_of(piece).body + b" "), piece.meta["secrets"])


@pytest.mark.parametrize("name", [name for name in PROVIDERS if any(route.trust for route in PROVIDERS[name].ROUTES)])
def test_trust_is_what_verifying_gives(name):
    """A hint is vouched for by nothing, whatever is sent with it; anything more is proven or refused."""
    hints = Trust.HINT in {route.trust for route in PROVIDERS[name].ROUTES}
    proofs = {piece.meta["expect"]["verified_by"] for piece in PIECES[name] if is_webhook(piece)}

    assert hints == (proofs == {None})


def is_webhook(piece):
    return piece.meta["reads"] == "webhook" and "expect" in piece.meta


def unsound(piece, part, copies):
    """(piece, copy, reading) of copies that were read as what cannot be; anything but the named errors comes through.

    A copy is the piece with one part of it changed: its body or its headers.
    """
    read, message = reader_of(piece), message_of(piece)
    for copy in copies:
        try:
            reading = read(replace(message, **{part: as_sent(piece, copy) if part == "body" else copy}))
        except (Refused, Unreadable) as error:
            reading = getattr(error, "failure", None)
        readings = reading if isinstance(reading, list) else [reading]
        if not all(
            is_sound(getattr(answer, "failure", answer) if isinstance(answer, Refused) else answer)
            for answer in readings
        ):
            yield piece.name, copy, reading


def bodies_of(piece):
    """The bodies that a reader receives of a piece: its body, or each event of a stream."""
    return events_of(message_of(piece)) if piece.meta["reads"] == "stream" else [message_of(piece).body]


def as_sent(piece, body):
    """The body as it is sent: as it is, or as the one event of a stream."""
    return b"data: " + body + b"\n\n" if piece.meta["reads"] == "stream" else body


def mangled(body):
    """Broken copies of a body: cut off, wrapped, and every value in it re-typed, renamed or left out."""
    yield from (body[: len(body) * tenths // 10] for tenths in range(10))
    try:
        value = from_json(body)
    except ValueError:
        return
    yield from (msgspec.json.encode(copy) for copy in ([value], *retyped(value)))


def retyped(value):
    """The value with each part of it in turn replaced by each stranger, and each key in turn left out."""
    yield from STRANGERS
    if isinstance(value, dict):
        for key, part in value.items():
            yield {other: value[other] for other in value if other != key}
            for copy in retyped(part):
                yield value | {key: copy}
    elif isinstance(value, list):
        for place, part in enumerate(value):
            for copy in retyped(part):
                yield [*value[:place], copy, *value[place + 1 :]]


def garbled(headers):
    """Copies without any header, without one of them, and with one of them garbled."""
    yield {}
    for name in (*headers, "retry-after", "date", "x-request-id"):
        yield {other: headers[other] for other in headers if other != name}
        for worse in ("", "\x00", "é" * 1000, "1e999", "-1", "nan", "Thu, 99 Foo 2026 99:99:99 GMT", "0" * 5000):
            yield headers | {name: worse}
