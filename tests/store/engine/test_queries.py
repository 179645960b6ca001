"""The loader, and every query on both databases: what keeps PostgreSQL a driver and not a rewrite."""

import re
import sqlite3

import psycopg
import pytest

from arrivals.store.engine.migrate import available
from arrivals.store.engine.queries import for_postgres, for_sqlite, load, parse
from arrivals.store.generations import LAST
from tests.support.fixtures import ROOT
from tests.support.postgres import fresh_database

NOUNS = sorted(path.stem for path in (ROOT / "service/arrivals/store/sql").glob("*.sql"))
QUERIES = [(noun, query) for noun in NOUNS for query in load(noun).values()]
WHOLE = {
    "after", "again", "answer_by", "at", "attempt_at", "attempt_count", "believed", "claimed_at", "closed_at",
    "bytes", "closed_since", "count", "counted", "created_at", "deadline_at", "delivered_at", "disabled_at", "done",
    "dry_run", "due_at", "max_counted", "more", "newest", "noted_before", "running_at",
    "ended", "expires_at", "external_id_hinted", "finished_at", "first", "given_up_at", "grace_until", "hinted",
    "http_status", "keep", "kind", "last", "late", "lease_until", "limit", "max_in_flight", "misses", "now", "number",
    "open_until", "outputs_requested", "paused_at", "paused_until", "poll_at", "poll_misses", "polls", "position",
    "previous_until", "quarantined", "quarantined_at", "queue_position", "read_at", "received_at", "redelivered",
    "repeats", "since", "size", "sooner", "spent_until", "submit_at", "submitted_at", "through", "total", "tries",
    "timeout_at", "until", "value", "version", "webhook_expected",
}  # fmt: skip
EXAMPLES = {"body": b"\x00", "bulks": '["blk_1"]', "content": b"\x00", "ids": '["gen_1"]', "keys": '["1"]',
    "generations": '["gen_1"]', "digests": '["a"]'}  # fmt: skip
FRACTIONS = {"duration_s", "progress", "rate_per_s", "recent", "seen", "share", "surprise"}


def example_of(name):
    """A value of the type that the service gives under this name."""
    if name in WHOLE:
        return 2**40
    if name in FRACTIONS:
        return 0.5
    return EXAMPLES.get(name, "text")


def values_of(query):
    """An example of every value that the query takes."""
    return {name: example_of(name) for name in re.findall(r"%\((\w+)\)s", query.postgres)}


@pytest.fixture(scope="module")
def sqlite_schema():
    connection = sqlite3.connect(":memory:")
    for text in available().values():
        connection.executescript(for_sqlite(text))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def postgres_schema(postgres_url):
    with fresh_database(postgres_url) as url, psycopg.connect(url, autocommit=True) as connection:
        for text in available().values():
            connection.execute(for_postgres(text))
        yield connection


@pytest.mark.parametrize(("noun", "query"), QUERIES, ids=[f"{noun}-{query.name}" for noun, query in QUERIES])
def test_sqlite_accepts_every_query(sqlite_schema, noun, query):
    values = values_of(query)
    query = query.bind(values)
    assert sqlite_schema.execute(f"EXPLAIN {query.sqlite}", query.in_order(values)).fetchall()


@pytest.mark.parametrize(
    ("noun", "name", "indexes"),
    [
        ("generations", "in_flight_of", {"generations_in_flight"}),
        ("metrics", "webhooks", {"webhooks_counted", "webhooks_to_read"}),
        ("observations", "unread_webhooks", {"webhooks_to_read"}),
    ],
)
def test_sqlite_finds_by_index_what_is_counted(sqlite_schema, noun, name, indexes):
    """An index of some rows only is used only where the query says which, in the index's own words."""
    query = load(noun)[name]
    plan = sqlite_schema.execute(f"EXPLAIN QUERY PLAN {query.sqlite}", query.in_order(values_of(query))).fetchall()
    assert indexes == {
        word for *_, detail in plan for word in detail.split() if "_" in word and "autoindex" not in word
    }


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("noun", "query"), QUERIES, ids=[f"{noun}-{query.name}" for noun, query in QUERIES])
@pytest.mark.parametrize("absent", [False, True], ids=["given", "absent"])
def test_postgres_accepts_every_query(postgres_schema, noun, query, absent):
    """Values of the right types are taken, and none: PostgreSQL types both without a cast unknown to SQLite."""
    values = dict.fromkeys(values_of(query)) if absent else values_of(query)
    body = {"body": "text"} if noun == "events" and "body" in values and not absent else {}
    values = {**values, **body}
    assert postgres_schema.execute(f"EXPLAIN {query.bind(values).postgres}", values).fetchall()


@pytest.mark.parametrize("last_id", ["evt_zz", "gen_zz", "sub_zz", "whk_zz"])
def test_last_sorts_after_every_id(last_id):
    """The last id is letters alone: PostgreSQL's locales sort `~` before every letter, and a list would be empty."""
    assert last_id < LAST
    assert LAST.isalpha()


def test_every_query_is_found_by_its_name():
    text = "-- ignored before the first name\n-- name: one\nSELECT 1;\n\n-- name: two_b\nSELECT 2;\n"
    queries = parse(text)
    assert {"one": ("one", "SELECT 1;"), "two_b": ("two_b", "SELECT 2;")} == {
        name: (query.name, query.sqlite) for name, query in queries.items()
    }


def test_text_without_names_holds_no_query():
    assert {} == parse("SELECT 1;")


def test_unknown_noun_is_an_error():
    with pytest.raises(FileNotFoundError):
        load("nothing")


def test_dialect_comments_speak_to_their_dialect_only():
    text = "CREATE TABLE a (n INT/* pg: 8 */, x /* sqlite: REAL */ /* pg: FLOAT8 */) /* sqlite: STRICT */;"
    assert "CREATE TABLE a (n INT, x REAL ) STRICT;" == for_sqlite(text)
    assert "CREATE TABLE a (n INT8, x  FLOAT8) ;" == for_postgres(text)


def test_dialect_comment_may_span_lines():
    text = "SELECT 1 /* pg:\n FOR UPDATE\n SKIP LOCKED */;"
    assert "SELECT 1 FOR UPDATE\n SKIP LOCKED;" == for_postgres(text)
    assert "SELECT 1 ;" == for_sqlite(text)


def test_optional_condition_is_there_when_its_value_is():
    query = parse("-- name: a\nSELECT 1 FROM a WHERE b = :b /* if c: AND c = :c */ /* if d: AND d = :d */;")["a"]
    assert ("c", "d") == query.optional
    assert "SELECT 1 FROM a WHERE b = ?  ;" == query.bind({"b": 1, "c": None, "d": None}).sqlite
    filled = query.bind({"b": 1, "c": 2, "d": None})
    assert "SELECT 1 FROM a WHERE b = ? AND c = ? ;" == filled.sqlite
    assert (1, 2) == filled.in_order({"d": None, "c": 2, "b": 1})
    assert "SELECT 1 FROM a WHERE b = %(b)s  AND d = %(d)s;" == query.bind({"b": 1, "c": None, "d": 0}).postgres


def test_values_are_written_as_psycopg_reads_them():
    text = "UPDATE a SET b = :b, version = :version + 1 WHERE id = :id;"
    assert text == for_sqlite(text)
    assert "UPDATE a SET b = %(b)s, version = %(version)s + 1 WHERE id = %(id)s;" == for_postgres(text)


def test_sqlite_gets_values_in_the_order_of_its_text():
    """Each value comes as often as it stands there, and none comes that only PostgreSQL uses."""
    query = parse("-- name: a\nUPDATE a SET b = :b, d = :c WHERE b < :b /* pg: AND c = :d */;")["a"]
    assert "UPDATE a SET b = ?, d = ? WHERE b < ? ;" == query.sqlite
    assert (1, 2, 1) == query.in_order({"c": 2, "b": 1, "d": 3})


@pytest.mark.parametrize(("text", "values"), [("SELECT 1;", ()), ("SELECT :one;", (5,))])
def test_few_values_are_in_order_too(text, values):
    assert values == parse(f"-- name: a\n{text}")["a"].in_order({"one": 5})


def test_values_inside_a_dialect_comment_count():
    assert "SELECT CAST(%(ids)s AS JSONB);" == for_postgres("SELECT /* pg: CAST(:ids AS JSONB) */;")


def test_cast_by_colons_is_no_value():
    assert "SELECT a::text;" == for_postgres("SELECT a::text;")


def test_comments_are_left_out():
    """A reason may hold anything, a colon and a word too."""
    text = "-- Why: because :nothing is 100 % sure.\nSELECT 1\n  -- and here\n FROM a;"
    assert "SELECT 1\n FROM a;" == for_sqlite(text) == for_postgres(text)


@pytest.mark.parametrize(("noun", "query"), QUERIES, ids=[f"{noun}-{query.name}" for noun, query in QUERIES])
def test_common_text_keeps_its_rules(noun, query):
    """No cast by colons, no literal percent sign, no clock, one statement."""
    text = query.postgres
    assert "::" not in text
    assert "%" not in re.sub(r"%\(\w+\)s", "", text)
    assert not re.search(r"CURRENT_TIMESTAMP|now\(\)|datetime\(", text, re.IGNORECASE)
    assert 1 == text.count(";")
    for spoken in (text, query.sqlite):
        assert spoken.count("/*") == spoken.count("/* if ") == len(query.optional)
