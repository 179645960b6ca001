"""Every rule of how tolerant we are, on every channel of every route: a matrix made from the fixtures.

Each conversation piece is said once more in another way that means the same, and read as the same.
"""

import base64
import json

import msgspec
from msgspec import structs
from msgspec.structs import replace
import pytest

from arrivals.core.generation import Status
from arrivals.core.observation import Reading
from arrivals.providers._shared.reading import read_bulk_reply, read_message, read_stream_event
from arrivals.providers._shared.tolerance import LENIENTLY, SYNONYMS, folded
from arrivals.providers.contract import Refused, Unreadable
from tests.providers.test_conformance import CHANNELS, events_of, message_of, parts_of

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200))).decode()
STATUS_FIELDS = ("status", "task_status")

# ---------------------------------------------------------------- the rules: other ways of saying the same


def other_words(way):
    """Status words in another case and spacing."""
    change = {"upper": str.swapcase, "spaced": lambda word: f" {word.replace('_', '-')}\n"}[way]

    def changed(value):
        if isinstance(value, list):
            return [changed(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: change(part)
            if name in STATUS_FIELDS and isinstance(part, str) and folded(part) in SYNONYMS
            else changed(part)
            for name, part in value.items()
        }

    return lambda body: encoded(changed(decoded(body)))


def padded_ids(body):
    """Ids with white space around them."""
    ids = {
        "id",
        "taskId",
        "task_id",
        "predictionID",
        "exec_id",
        "execution_id",
        "generation_id",
        "task_uuid",
        "request_id",
    }

    def changed(value):
        if isinstance(value, list):
            return [changed(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: f" {part}\n" if name in ids and isinstance(part, str) and part else changed(part)
            for name, part in value.items()
        }

    return encoded(changed(decoded(body)))


def spaced_urls(body):
    """URLs with white space around them."""

    def changed(value):
        if isinstance(value, list):
            return [changed(item) for item in value]
        if isinstance(value, dict):
            return {name: changed(part) for name, part in value.items()}
        return f" {value}\n" if isinstance(value, str) and value.startswith(("https://", "http://")) else value

    return encoded(changed(decoded(body)))


SAME = {
    "words in another case": other_words("upper"),
    "words with spaces": other_words("spaced"),
    "ids with spaces": padded_ids,
    "URLs with spaces": spaced_urls,
}
HARDLY_JSON = {
    "half a character": lambda body: with_echo(body, b'"fox \\ud83e"'),
    "bytes that are no UTF-8": lambda body: with_echo(body, b'"fox \xf0\x9f"'),
    "NaN": lambda body: with_echo(body, b"NaN"),
    "a line feed in a string": lambda body: with_echo(body, b'"one\ntwo"'),
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
}


def with_echo(body, raw):
    """The object with one more field, as these bytes."""
    return b'{"echo": ' + raw + b", " + body.lstrip()[1:]


def decoded(body):
    return json.loads(body)


def encoded(value):
    return msgspec.json.encode(value)


# ---------------------------------------------------------------- the matrix


def reading_of(piece, change):
    """The reading of the piece in another spelling."""
    reads, target, read = parts_of(piece)
    message = message_of(piece)
    if reads == "stream":
        return [
            plain_outcome(lambda event=event: read_stream_event(read, change(event), target))
            for event in events_of(message)
        ]
    message = replace(message, body=change(message.body))
    if reads == "bulk":
        return plain_outcome(lambda: read_bulk_reply(read, message, target))
    return plain_outcome(lambda: read_message(read, message, target, submitted=reads == "submit"))


def plain_outcome(read):
    """The outcome in plain values: read, refused or not understood; without the provider's own spelling."""
    try:
        outcome = read()
    except Refused as refused:
        return plain(refused)
    except Unreadable:
        return "unreadable"
    return [plain(answer) for answer in outcome] if isinstance(outcome, list) else plain(outcome)


def plain(outcome):
    if isinstance(outcome, Refused):
        return "refused", without(outcome.failure)
    if not isinstance(outcome, Reading):
        return outcome
    return {
        **structs.asdict(outcome),
        "provider_status": folded(outcome.provider_status or ""),
        "failure": without(outcome.failure),
        "notes": [note for note in outcome.notes if note != LENIENTLY],
        "provider_details": None,
        "kept_until": None,
    }


def without(failure):
    return failure and structs.replace(
        failure, details=None, message=None, provider_code=folded(failure.provider_code or "")
    )


def json_pieces(channel):
    """The pieces of a channel whose messages, or events, are JSON objects."""
    return [piece for piece in CHANNELS[channel] if all(is_object(body) for body in bodies(piece))]


def bodies(piece):
    message = message_of(piece)
    return events_of(message) if piece.meta["reads"] == "stream" else [message.body]


def is_object(body):
    try:
        return isinstance(decoded(body), dict)
    except ValueError:
        return False


JSON_CHANNELS = [channel for channel in CHANNELS if json_pieces(channel)]


def test_matrix_has_every_channel_of_every_provider():
    """Where a second question is only ever answered by a file, there are no words to be read."""
    assert {"follow"} == {reads for _, _, reads in CHANNELS.keys() - {*JSON_CHANNELS}}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
@pytest.mark.parametrize("channel", JSON_CHANNELS, ids=" ".join)
def test_what_is_said_in_another_way_is_read_as_the_same(channel, change):
    pieces = json_pieces(channel)

    assert [reading_of(piece, lambda body: body) for piece in pieces] == [reading_of(piece, change) for piece in pieces]


@pytest.mark.parametrize("change", HARDLY_JSON.values(), ids=HARDLY_JSON)
@pytest.mark.parametrize("channel", JSON_CHANNELS, ids=" ".join)
def test_what_is_hardly_json_is_read_as_the_same_and_marked(channel, change):
    pieces = json_pieces(channel)

    assert [reading_of(piece, lambda body: body) for piece in pieces] == [reading_of(piece, change) for piece in pieces]
    for piece in pieces:
        reads, target, read = parts_of(piece)
        if reads in ("stream", "bulk"):
            continue
        try:
            reading = read_message(read, replace(message_of(piece), body=change(message_of(piece).body)), target)
        except (Refused, Unreadable):
            continue
        assert LENIENTLY in reading.notes


SYNONYMOUS = {
    Status.COMPLETED: ("completed", "SUCCEEDED", "success", "Done", "finished"),
    Status.FAILED: ("failed", "FAILURE", "Error"),
    Status.PROCESSING: ("processing", "in_progress", "RUNNING", "generating"),
}
# Channels that have no status word of their own: what they tell is told otherwise.
WORDLESS = {"cancel", "stream", "follow", "submit", "bulk"}
STATUS_CHANNELS = [channel for channel in JSON_CHANNELS if channel[2] not in WORDLESS and channel[1] != "sense"]


@pytest.mark.parametrize("status", SYNONYMOUS)
@pytest.mark.parametrize("channel", STATUS_CHANNELS, ids=" ".join)
def test_everybodys_words_are_understood_on_every_channel(channel, status):
    """Unless the provider's own table says otherwise, and none does of these."""
    pieces = [piece for piece in json_pieces(channel) if piece.meta.get("expect", {}).get("status") == status]
    for piece in pieces:
        word = piece.meta["expect"]["provider_status"]
        if word is None or (
            "error" in decoded(message_of(piece).body) and status is Status.FAILED and word == "COMPLETED"
        ):
            continue  # the older RunBlob host says success or not; SeaCloud's failure is a completion with an error
        for synonym in SYNONYMOUS[status]:
            _, target, read = parts_of(piece)
            body = message_of(piece).body.replace(json.dumps(word).encode(), json.dumps(synonym).encode())
            reading = read_message(read, replace(message_of(piece), body=body), target)
            assert (piece.name, synonym, status) == (piece.name, synonym, reading.status)


def written_inline(body, written):
    """The body with every place of an output written as this file instead."""

    def change(value):
        if isinstance(value, list):
            return [change(item) for item in value]
        if isinstance(value, dict):
            return {name: change(part) for name, part in value.items()}
        return written if isinstance(value, str) and value.startswith(("https://", "http://")) else value

    return encoded(change(decoded(body)))


AS_FILES = {
    "a data URI": f"data:image/png;base64,{PNG}",
    "without padding": f"data:image/png;base64,{PNG.rstrip('=')}",
    "in the alphabet of URLs": f"data:image/png;base64,{PNG.replace('+', '-').replace('/', '_')}",
    "with line feeds": f"data:image/png;base64,{PNG[:76]}\n{PNG[76:]}",
    "cut off": f"data:image/png;base64,{PNG[:101]}",
}


@pytest.mark.parametrize("written", AS_FILES.values(), ids=AS_FILES)
@pytest.mark.parametrize("channel", JSON_CHANNELS, ids=" ".join)
def test_output_that_comes_along_is_an_output_wherever_a_place_is_one(channel, written):
    for piece in json_pieces(channel):
        reads, target, read = parts_of(piece)
        expected = piece.meta.get("expect")
        if reads in ("stream", "bulk") or not isinstance(expected, dict) or not expected["outputs"]:
            continue
        if not any(output["url"].encode() in message_of(piece).body for output in expected["outputs"]):
            continue  # behind an address of the provider's own
        reading = read_message(
            read, replace(message_of(piece), body=written_inline(message_of(piece).body, written)), target
        )
        assert (piece.name, True) == (piece.name, written in {output.url for output in reading.outputs})
