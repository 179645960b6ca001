"""Wrong bodies and queries, each with the exact words of every mistake in it."""

from typing import Any
from urllib.parse import parse_qsl

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
import msgspec
import pytest

from arrivals.core.wire import from_json
from arrivals.web.api.delivery_schemas import RecoverBody, ReplayBody, SubscriberBody, SubscriberPatch
from arrivals.web.api.lookup_schemas import GenerationsQuery
from arrivals.web.api.schemas import BulkBody, EventsQuery, OrderBody, TimelineQuery, WebhooksQuery
from arrivals.web.app import ENDPOINTS
from arrivals.web.errors import MAX_ERRORS, Problem
from arrivals.web.mistakes import mistakes, objections
from arrivals.web.validation import read_body, read_query

PROVIDERS = "aihubmix, eachlabs, laozhang, runblob, seacloud, vtrix"
STATUSES = "pending, submitting, submitted, processing, completed, failed, canceled, expired"
TYPES = (
    "generation.processing, generation.completed, generation.failed, generation.canceled, generation.expired, ping, "
    "generation.*"
)
FINDINGS = "advanced, repeated, stale, conflicting, held, enriched"
A_MOMENT = "must be a moment between 1970 and 9999, such as 2026-11-20T12:00:00Z"
OF_A_PAGE = "must be the `next` of an earlier page"
OF_THE_EVENTS = "must be 0, the `next` of an earlier page, or the id of a message in a stream"
NAME = "must be a string of 1 to 200 characters"
FIELDS = "provider, model, input, account, callback_url, metadata, deadline_s"
ORDER: dict[str, Any] = {"provider": "runblob", "model": "gemini", "input": {}}
BULK: dict[str, Any] = {"provider": "eachlabs", "model": "workflows/wf-1/v1", "inputs": [{}]}
HOOK = "https://example.com/hook"
BODIES: list[tuple[type[msgspec.Struct], Any, dict[str, str]]] = [
    (OrderBody, b"", {
        "provider": f"is missing; it must be one of {PROVIDERS}",
        "model": "is missing; it must be a string of 1 to 200 characters",
        "input": "is missing; it must be an object",
    }),
    (OrderBody, b"[]", {"$": "must be an object, not an array"}),
    (OrderBody, b"7", {"$": "must be an object, not a number"}),
    (OrderBody, b"null", {"$": "must be an object, not null"}),
    (OrderBody, {"provider": 5, "model": None, "input": "x", "metdata": {}, "deadline_s": "soon"}, {
        "metdata": "is no field here; did you mean metadata?",
        "provider": f"must be one of {PROVIDERS}, not 5",
        "model": f"{NAME}, not null",
        "input": "must be an object, not a string",
        "deadline_s": 'must be a number greater than 0, not "soon"',
    }),
    (OrderBody, {**ORDER, "provider": "RunBlb", "model": "", "account": "a\nb", "deadline_s": 0, "extra": 1}, {
        "extra": f"is no field here; there are {FIELDS}",
        "provider": f'must be one of {PROVIDERS}, not "RunBlb"; did you mean runblob?',
        "model": f"{NAME}; this one has 0",
        "account": f"{NAME} without control characters",
        "deadline_s": "must be a number greater than 0, not 0",
    }),
    (OrderBody, {**ORDER, "provider": "nobody"}, {"provider": f'must be one of {PROVIDERS}, not "nobody"'}),
    (OrderBody, {**ORDER, "callback_url": "x" * 3000, "metadata": [], "deadline_s": True, "input": None}, {
        "input": "must be an object, not null",
        "callback_url": "must be a string of 1 to 2048 characters; this one has 3000",
        "metadata": "must be an object of at most 64 fields, not an array",
        "deadline_s": "must be a number greater than 0, not true",
    }),
    (OrderBody, {**ORDER, "metadata": {str(number): number for number in range(65)}}, {
        "metadata": "must be an object of at most 64 fields; this one has 65",
    }),
    (OrderBody, {**ORDER, "x" * 99: 1}, {"x" * 64 + "…": f"is no field here; there are {FIELDS}"}),
    (OrderBody, b'{"provider": "runblob", "model": "m", "input": {}, "deadline_s": 1e999}', {
        "deadline_s": "the number is out of range",
    }),
    (OrderBody, b'{"provider": "runblob", "model": 5, "model": "given again", "input": {}}', {
        "model": "must be a string, not a whole number",
    }),
    (OrderBody, b'{"provider": "runblob", "model": "m", "input": {}, "account": [], "account": "default"}', {
        "account": "must be a string, not an array",
    }),
    (BulkBody, {**BULK, "inputs": [{}, "text", 3, None]}, {
        "inputs[1]": "must be an object, not a string",
        "inputs[2]": "must be an object, not a number",
        "inputs[3]": "must be an object, not null",
    }),
    (BulkBody, {**BULK, "inputs": []}, {"inputs": "must be an array of 1 to 100 items; this one has 0"}),
    (BulkBody, {**BULK, "inputs": [{}] * 101}, {"inputs": "must be an array of 1 to 100 items; this one has 101"}),
    (SubscriberBody, {"url": 5, "event_types": ["generation.fail", 3], "signatures": ["v2"], "max_in_flight": 5000}, {
        "url": "must be a string of 1 to 2048 characters, not a number",
        "event_types[0]": f'must be one of {TYPES}, not "generation.fail"; did you mean generation.failed?',
        "event_types[1]": f"must be one of {TYPES}, not 3",
        "max_in_flight": "must be a whole number from 1 to 1000, not 5000",
        "signatures[0]": 'must be one of v1, v1a, not "v2"',
    }),
    (SubscriberBody, {"url": HOOK, "event_types": ["ping", "done"]}, {
        "event_types[1]": f'must be one of {TYPES}, not "done"',
    }),
    (SubscriberBody, {"url": HOOK, "filter": {"provider": 4, "modle": "x"}, "max_in_flight": 2.5, "rate_per_s": 0}, {
        "filter.modle": "is no field here; did you mean model?",
        "filter.provider": f"{NAME}, not a number",
        "max_in_flight": "must be a whole number from 1 to 1000, not 2.5",
        "rate_per_s": "must be a number from 0.001 to 10000, not 0",
    }),
    (SubscriberPatch, {"disabled": True, "paused": "yes", "max_in_flight": None, "event_types": []}, {
        "event_types": "must be an array of 1 to 7 items; this one has 0",
        "max_in_flight": "must be a whole number from 1 to 1000, not null",
        "paused": 'must be true or false, not "yes"',
        "disabled": "must be false, not true",
    }),
    (SubscriberPatch, {"description": "x" * 1001, "signatures": {}, "rate_per_s": None}, {
        "description": "must be a string of at most 1000 characters; this one has 1001",
        "signatures": "must be an array of at most 2 items, not an object",
    }),
    (ReplayBody, {"kind": "Events", "filters": {"since": "yesterday", "until": 5, "finding": "lost", "missed": 1}}, {
        "kind": 'must be one of events, quarantine, webhooks, not "Events"; did you mean events?',
        "filters.finding": f'must be one of {FINDINGS}, not "lost"',
        "filters.since": f'{A_MOMENT}, not "yesterday"',
        "filters.until": "must be a string, not a number",
        "filters.missed": "must be true or false, not 1",
    }),
    (ReplayBody, {"kind": "events", "filters": {"since": "2026-13-01", "type": "done"}, "rate_per_s": 5}, {
        "filters.type": f'must be one of {TYPES}, not "done"',
        "filters.since": f'{A_MOMENT}, not "2026-13-01"',
    }),
    (RecoverBody, {"since": "https://user:password@example.com"}, {"since": A_MOMENT}),
]  # fmt: skip
QUERIES: list[tuple[type[msgspec.Struct], str, dict[str, str]]] = [
    (GenerationsQuery, "status=complete&limit=0&since=yesterday&after=zzz&modle=x", {
        "modle": "is no parameter here; did you mean model?",
        "status": f'must be one of {STATUSES}, not "complete"; did you mean completed?',
        "since": f'{A_MOMENT}, not "yesterday"',
        "after": f'{OF_A_PAGE}, gen_…, not "zzz"',
        "limit": "must be a whole number from 1 to 200, not 0",
    }),
    (GenerationsQuery, "status=failed,complete&after=gen_1&since=yesterday", {
        "status": f'must be one of {STATUSES}, not "complete"; did you mean completed?',
        "since": f'{A_MOMENT}, not "yesterday"',
        "after": f'{OF_A_PAGE}, gen_…, not "gen_1"',
    }),
    (GenerationsQuery, "metadata=x&metadata[a]=1&metadata[a]=2&metadata[b]=" + "x" * 501, {
        "metadata": "is written metadata[key]=value",
        "metadata[a]": "is given several times; give it once",
        "metadata[b]": "must be a string of at most 500 characters; this one has 501",
    }),
    (GenerationsQuery, "metadata[a]=1&metadata[b]=1&metadata[c]=1&metadata[d]=1", {
        "metadata": "must be an object of at most 3 fields; this one has 4",
    }),
    (GenerationsQuery, "limit=5&limit=6&provider=&status[0]=failed", {
        "limit": "is given several times; give it once",
        "status[0]": "is no parameter here; did you mean status?",
        "provider": f"{NAME}; this one has 0",
    }),
    (GenerationsQuery, "limit=5&limit=6", {"limit": "is given several times; give it once"}),
    (WebhooksQuery, "verified=maybe&limit=many", {
        "verified": 'must be true or false, not "maybe"',
        "limit": 'must be a whole number from 1 to 200, not "many"',
    }),
    (WebhooksQuery, "verified=null", {"verified": 'must be true or false, not "null"'}),
    (EventsQuery, "wait=nan&after=x", {
        "after": f'{OF_THE_EVENTS}, not "x"',
        "wait": 'must be a number from 0 to 300, not "nan"',
    }),
    (EventsQuery, "wait=301", {"wait": "must be a number from 0 to 300, not 301"}),
    (EventsQuery, "wait=0.5&wait=1&type=ping.", {
        "wait": "is given several times; give it once",
        "type": f'must be one of {TYPES}, not "ping."; did you mean ping?',
    }),
    (TimelineQuery, "after=1.2", {"after": f'{OF_A_PAGE}, not "1.2"'}),
]  # fmt: skip


def refusal_of(read, source, schema):
    with pytest.raises(Problem) as refused:
        read(source, schema)
    return refused.value.details


def errors_of(details):
    return {error.field: error.detail for error in details.errors}


@pytest.mark.parametrize(("schema", "body", "errors"), BODIES)
def test_every_mistake_in_a_body_is_named(schema, body, errors):
    details = refusal_of(read_body, body if isinstance(body, bytes) else msgspec.json.encode(body), schema)

    assert errors == errors_of(details)
    assert (422, "invalid_request") == (details.status, details.code)
    assert "; ".join(f"{field}: {detail}" for field, detail in errors.items()) == details.detail


@pytest.mark.parametrize(("schema", "query", "errors"), QUERIES)
def test_every_mistake_in_a_query_is_named(schema, query, errors):
    details = refusal_of(read_query, parse_qsl(query, keep_blank_values=True), schema)

    assert errors == errors_of(details)
    assert (422, "invalid_request") == (details.status, details.code)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "Input data was truncated"),
        (b'{"provider": "\xff"}', "it is not UTF-8 (byte 0)"),
        (b"[" * 65, "it is nested more than 64 levels deep"),
        (b'{"provider": runblob}', "JSON is malformed: invalid character (byte 13)"),
    ],
)
def test_what_is_no_json_is_said_to_be_none(body, words):
    details = refusal_of(read_body, body, OrderBody)

    assert (400, "invalid_json", {"$": words}) == (details.status, details.code, errors_of(details))


def test_only_so_many_mistakes_are_named():
    body = {**ORDER, **{f"x{number}": number for number in range(MAX_ERRORS + 1)}}

    details = refusal_of(read_body, msgspec.json.encode(body), OrderBody)

    assert [f"x{number}" for number in range(MAX_ERRORS)] == [error.field for error in details.errors]
    assert details.detail.endswith("; and more")
    assert len(msgspec.json.encode(details)) < 10_000


@pytest.mark.parametrize("secret", ["https://key:secret@example.com/", "me@example.com", "s" * 41])
def test_value_that_is_long_or_may_hold_a_secret_is_not_repeated(secret):
    details = refusal_of(read_body, msgspec.json.encode({**ORDER, "provider": secret, "deadline_s": secret}), OrderBody)

    assert {"provider", "deadline_s"} == set(errors_of(details))
    assert secret not in details.detail


HOSTILE = {
    "unknown fields": {f"x{number}" * 100: 1 for number in range(2000)},
    "items": {**BULK, "inputs": [3] * 40_000},
    "a long name": {**ORDER, "x" * 1_000_000: 1},
    "a long word": {**ORDER, "provider": "runblob" * 100_000},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("schema", [OrderBody, BulkBody])
def test_answer_to_a_hostile_body_is_short(schema, name):
    details = refusal_of(read_body, msgspec.json.encode(HOSTILE[name]), schema)

    assert len(details.errors) <= MAX_ERRORS
    assert len(msgspec.json.encode(details)) < 20_000


# ---------------------------------------------------------------- what is named is what the decoder refuses

BODY_SCHEMAS = sorted({endpoint.body for endpoint in ENDPOINTS if endpoint.body}, key=str)
QUERY_SCHEMAS = sorted({endpoint.query for endpoint in ENDPOINTS if endpoint.query}, key=str)
WORDS = [
    "",
    "a",
    "runblob",
    "events",
    "v1",
    "ping",
    "null",
    "true",
    "1",
    "0",
    "1.5",
    "nan",
    "x\ny",
    "2026-11-20",
    "failed",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 400)
    | st.sampled_from([0.5, 1e308, -1.0, 10**30])
    | st.sampled_from(WORDS)
)


def values_of(schema):
    """JSON values that look a little like this schema."""
    names = [part.name for part in msgspec.structs.fields(schema)] + ["provider", "since", "x"]
    objects = st.dictionaries(st.sampled_from(names), SCALARS, max_size=4)
    values = SCALARS | objects | st.lists(SCALARS | objects, max_size=3)
    return st.dictionaries(st.sampled_from(names), values, max_size=8)


@pytest.mark.parametrize("schema", BODY_SCHEMAS, ids=lambda schema: schema.__name__)
@settings(max_examples=150)
@for_all(data=st.data())
def test_body_has_a_mistake_exactly_where_it_is_refused(schema, data):
    value = data.draw(values_of(schema))
    try:
        refused = bool(objections(from_json(msgspec.json.encode(value), schema)))
    except msgspec.ValidationError:
        refused = True

    assert refused is bool(mistakes(value, schema))


@pytest.mark.parametrize("schema", QUERY_SCHEMAS, ids=lambda schema: schema.__name__)
@settings(max_examples=150)
@for_all(data=st.data())
def test_query_has_a_mistake_exactly_where_it_is_refused(schema, data):
    names = [part.name for part in msgspec.structs.fields(schema)] + ["x"]
    value = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(WORDS), max_size=4))
    try:
        read = msgspec.convert(value, schema, strict=False)
        refused = any(getattr(read, name) is None for name in value) or bool(objections(read, text=True))
    except msgspec.ValidationError:
        refused = True

    assert refused is bool(mistakes(value, schema, text=True))
