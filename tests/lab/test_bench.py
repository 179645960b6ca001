"""The benchmarks measure what they say and lose nothing; how fast anything is, is not tested here."""

from contextlib import closing
import json
import sqlite3

import anyio
from click.testing import CliRunner
import psycopg
import pytest

from arrivals.cli.main import main
from arrivals.lab.bench import polls, source_tree, wire
from arrivals.lab.bench.clone import clone, renamed
from arrivals.lab.bench.database import SqliteBooks
from arrivals.lab.bench.database_target import NotEmpty, Place
from arrivals.lab.bench.end_to_end import EndToEnd
from arrivals.lab.bench.figures import Case, in_ms, over_rounds, percentile, ratio, rounded
from arrivals.lab.bench.hostile import Hostile
from arrivals.lab.bench.ingest import Ingest
from arrivals.lab.bench.isolation import Isolation
from arrivals.lab.bench.readers import Reader
from arrivals.lab.bench.replay import Replay
from arrivals.lab.bench.running import run
from arrivals.lab.bench.settle import Settle
from arrivals.lab.bench.sse import Sse
from arrivals.lab.bench.turns import beside
from arrivals.lab.soak import curve
from arrivals.lab.soak.curve import Sample
from arrivals.lab.soak.pace import Pace
from arrivals.lab.soak.soak import Soak
from tests.support.postgres import fresh_database


def measured(name, sizes):
    """The report of a run in which nothing was lost or doubled."""
    report, whole = run(name, sizes, None, quiet=True)

    assert whole
    assert {"platform", "cores", "python", "database", "date"} < set(report["machine"])
    for case in report["cases"].values():
        assert (0, 0) == (case["median"].get("lost", 0), case["median"]["doubled"])
        assert case["median"]["per_second"] > 0
        assert case["median"]["ceiling"]["what"]
        assert case["median"]["ratio"] > 0
        assert len(case["rounds"]) == sizes.rounds
    return report["cases"]


@pytest.mark.timeout(60)
def test_hostile_tells_how_long_others_waited():
    cases = measured("hostile", Hostile(only=("quotes", "metadata")))

    assert ["quotes", "metadata"] == [*cases]
    assert cases["quotes"]["median"]["longest_ms"] > 0


@pytest.mark.timeout(60)
def test_ingest_counts_what_was_stored():
    cases = measured("ingest", Ingest(rounds=1, seconds=0.4, connections=(4, 8), generations=5))

    assert ["4 connections", "8 connections"] == [*cases]
    figures = cases["8 connections"]["median"]
    assert 0 == figures["errors"]
    assert {"p50_ms", "p95_ms", "p99_ms", "p99_ratio", "cpu_s_per_item", "peak_rss_mb"} < set(figures)


@pytest.mark.timeout(60)
def test_delivery_counts_every_delivery_and_prints_one_object(tmp_path):
    options = ["--rounds", "1", "--count", "60", "--concurrency", "5", "--database", str(tmp_path / "b.db")]
    ran = CliRunner().invoke(main, ["bench", "delivery", "--json", *options])

    assert 0 == ran.exit_code, ran.output
    report = json.loads(ran.stdout)
    figures = report["cases"]["delivery"]["median"]
    assert ("delivery", 60, 1) == (report["benchmark"], figures["items"], len(report["cases"]["delivery"]["rounds"]))
    assert (0, 0) == (figures["lost"], figures["doubled"])
    assert figures["client_over_httpx_pool"] > 0
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.timeout(60)
def test_isolation_reaches_the_healthy_and_tries_the_others():
    figures = measured("delivery", Isolation(rounds=1, count=40, concurrency=4))["isolation"]["median"]

    assert 40 == figures["items"]
    assert figures["tries_at_others"] > 1


@pytest.mark.timeout(60)
def test_every_webhook_that_is_answered_is_delivered():
    figures = measured("end-to-end", EndToEnd(rounds=1, seconds=20, window=16, count=30))["end-to-end"]["median"]

    assert 60 == figures["items"]
    assert figures["seconds"] < 20
    assert figures["orders_per_s"] > 0


@pytest.mark.timeout(60)
def test_settling_reads_every_webhook_once():
    figures = measured("settle", Settle(rounds=1, count=700))["settle"]["median"]

    assert 700 == figures["items"]


@pytest.mark.timeout(60)
def test_a_replay_reads_everything_and_announces_nothing():
    figures = measured("replay", Replay(rounds=1, count=60))["replay"]["median"]

    assert 60 == figures["items"]
    assert {"repeated": 60} == figures["findings"]


@pytest.mark.timeout(60)
def test_every_poll_that_falls_due_comes_once(monkeypatch):
    monkeypatch.setattr(polls, "WARM_S", 0.1)
    monkeypatch.setattr(polls, "LEAD_S", 0.5)

    figures = measured("polls", polls.Polls(rounds=1, seconds=0.5, in_flight=600, due_per_s=40))["polls"]["median"]

    assert (20, 0) == (figures["items"], figures["missed"])
    assert figures["p99_ms"] > 0


@pytest.mark.timeout(60)
def test_every_reader_of_the_stream_reads_every_event():
    figures = measured("sse", Sse(rounds=1, seconds=0.5, readers=10, events_per_s=40))["sse"]["median"]

    assert (20, 0) == (figures["items"], figures["skipped"])
    assert figures["p50_ms"] > 0


@pytest.mark.timeout(60)
def test_a_soak_meets_everybody_and_closes_its_books():
    report, whole = run("soak", Soak(minutes=0.1, per_second=10, deadline_s=6), None, quiet=True)

    [figures] = report["cases"]["soak"]["rounds"]
    assert whole, figures["disagreements"]
    assert ([], [], None, False) == (
        figures["disagreements"], figures["words"], figures["died"], figures["kept_growing"],
    )  # fmt: skip
    assert (0, 0, 0) == (figures["lost"], figures["doubled"], figures["skipped"])
    assert figures["items"] > 10
    assert figures["events"] >= figures["items"] / 2
    assert {"reads", "wrongs", "misdeeds", "probes", "samples"} == {*figures["turns"]}
    assert figures["deliveries"] > 0
    assert figures["tries_at_the_ill"] > 0
    assert figures["samples"][-1]["database_mb"] > 0
    assert "samples" not in report["cases"]["soak"]["median"]
    assert "info" == report["parameters"]["settings"]["ARRIVALS_LOG_LEVEL"]


def sample(at_s, rss_mb):
    return Sample(
        at_s=at_s, rss_mb=rss_mb, pss_mb=None, descriptors=9.0, threads=3.0, database_mb=at_s, log_mb=0.0,
        live_ms=None, live_max_ms=None, events=0,
    )  # fmt: skip


def test_memory_has_levelled_off_when_the_last_quarter_is_near_the_second():
    level = [sample(at_s, 50.0 if at_s < 100 else 100.0 + at_s / 100) for at_s in range(400)]
    rising = [sample(at_s, 100.0 + at_s / 10) for at_s in range(400)]

    curves = [curve.figures(samples, 400.0) for samples in (level, rising)]

    assert [(True, [50.0, 101.495, 102.495, 103.495])] == [(curves[0]["levelled_off"], curves[0]["quarters"]["rss_mb"])]
    assert not curves[1]["levelled_off"]
    assert [None] * 4 == curves[0]["quarters"]["pss_mb"]
    assert 399 == curves[0]["samples"][-1]["at_s"]
    assert len(curves[0]["samples"]) <= curve.CURVE_POINTS
    assert curve.figures([], 400.0)["levelled_off"] is None
    assert curve.figures(level[:150], 400.0)["levelled_off"] is None


def test_a_long_soak_that_kept_growing_has_failed():
    assert Case("soak", [{"lost": 0, "kept_growing": True}]).broken
    assert Case("soak", [{"lost": 0, "died": "the service ended by itself"}]).broken
    assert not Case("soak", [{"lost": 0, "died": None, "kept_growing": False, "levelled_off": False}]).broken


async def test_who_is_slow_is_left_out_and_delays_nobody():
    hung, enough, counted = anyio.Event(), anyio.Event(), []

    async def count():
        counted.append(1)
        if len(counted) > 9 and pace.left_out["hangs"]:
            enough.set()

    async def mishap():
        raise OSError

    async with Pace() as pace:
        pace.every(0.01, "hangs", hung.wait, at_once=2)
        pace.every(0.01, "mishaps", mishap)
        pace.every(0.01, "counts", count)
        await enough.wait()
        pace.check()

    assert 2 == pace.turns["hangs"]
    assert pace.turns["mishaps"] > 2


async def test_a_turn_that_is_broken_is_not_passed_over():
    again = anyio.Event()

    async def broken():
        if pace.turns["broken"] > 1:
            again.set()
        raise TypeError("a mistake of ours")

    async with Pace() as pace:
        pace.every(0.01, "broken", broken)
        await again.wait()
        with pytest.raises(TypeError):
            pace.check()


def test_a_baseline_that_is_no_commit_is_wrong_usage():
    ran = CliRunner().invoke(main, ["bench", "--baseline", "no-such-commit", "ingest"])

    assert 2 == ran.exit_code
    assert "no-such-commit" in ran.output or "git" in ran.output


@pytest.mark.parametrize(("place", "module"), [(".", "service"), ("service", "arrivals")])
def test_the_package_of_a_baseline_goes_before_the_one_that_is_installed(tmp_path, place, module):
    package = tmp_path / "baseline" / place / module
    package.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        (package / name).touch()

    tree = source_tree.package_of(tmp_path / "baseline", "c0ffee")

    assert (module, package.parent.resolve()) == (tree.module, tree.path)
    assert {"A": "1", "PYTHONPATH": str(tree.path)} == tree.environment({"A": "1"})


def test_a_commit_without_a_service_is_no_baseline(tmp_path):
    with pytest.raises(source_tree.NoBaseline):
        source_tree.package_of(tmp_path, "c0ffee")


def test_what_a_case_has_of_its_baseline():
    ours, theirs = (
        Case("it", [{"per_second": speed, "lost": 0, "kept_growing": False, "what": "it"} for speed in speeds])
        for speeds in ((2.0, 4.0), (4.0, 4.0))
    )

    assert {"per_second": 0.75, "per_second_by_turn": [0.5, 1.0]} == beside(ours, theirs)


def test_a_database_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine.db").write_text("mine")

    ran = CliRunner().invoke(main, ["bench", "delivery", "--database", str(tmp_path / "mine.db")])

    assert 2 == ran.exit_code
    assert "mine" == (tmp_path / "mine.db").read_text()
    with pytest.raises(NotEmpty):
        Place(str(tmp_path / "mine.db"))


def test_a_percentile_is_a_value_that_was_measured():
    values = [float(number) for number in range(1, 101)]

    assert [50.0, 95.0, 99.0, 100.0] == [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)]
    assert 7.0 == percentile([7.0], 0.99)
    assert percentile([], 0.5) is None
    assert {"p50_ms": 2000.0, "p95_ms": 3000.0, "p99_ms": 3000.0} == in_ms([3.0, 1.0, 2.0])
    assert {"p50_ms": None, "p95_ms": None, "p99_ms": None} == in_ms([])


def test_rounds_come_together_by_their_median_and_losses_add_up():
    rounds = [
        {"per_second": speed, "lost": lost, "ceiling": {"what": "it", "per_second": speed * 2}, "p99_ms": None}
        for speed, lost in ((1.0, 1), (9.0, 0), (5.0, 2))
    ]

    assert {
        "per_second": 5.0,
        "lost": 3,
        "ceiling": {"what": "it", "per_second": 10.0},
        "p99_ms": None,
    } == over_rounds(rounds)
    assert Case("it", rounds).broken
    assert not Case("it", rounds[1:2]).broken
    assert {} == over_rounds([])


def test_a_ratio_needs_both_sides():
    assert [0.5, None, None] == [ratio(1, 2), ratio(None, 2), ratio(1, 0)]


def test_figures_are_told_with_four_digits_that_count():
    assert {"a": 0.001235, "b": [12346.0, 7, None]} == rounded({"a": 0.00123456, "b": [12345.6, 7, None]})


MESSAGES = [
    (b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", b""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", b"hello!"),
    (b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length:  2\r\n\r\n{}", b"{}"),
]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_messages_are_the_same_however_they_are_cut(size):
    stream = b"".join(message for message, _ in MESSAGES)
    received, rest = [], b""
    for begin in range(0, len(stream), size):
        messages, rest = wire.split(rest + stream[begin : begin + size])
        received += messages

    assert b"" == rest
    assert [body for _, body in MESSAGES] == [body for _, body in received]
    assert [204, 200, 200] == [wire.status(head) for head, _ in received[:3]]
    assert (b"/x", b"a", None) == (
        wire.target(received[3][0]), wire.header(received[3][0], b"host"), wire.header(received[3][0], b"via"),
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 5, 64, 10_000])
def test_a_reader_sees_gaps_and_repeats_however_the_stream_is_cut(size):
    positions = [0, 1, 2, 3, 3, 5, 8, 9]
    stream = b"HTTP/1.1 200 OK\r\n\r\nretry: 1" + b"".join(
        b"\nid: %d\nevent: ping\ndata: {}\n\n" % position for position in positions
    )
    heard = []
    reader = Reader(b"", lambda events, _now: heard.append(events))
    for begin in range(0, len(stream), size):
        reader.data_received(stream[begin : begin + size])

    assert (9, 6, 3, 1) == (reader.position, reader.read, reader.skipped, reader.doubled)
    assert len(positions) == sum(events.count(b"event: ping") for events in heard)


TABLES = (
    "CREATE TABLE generations (id TEXT, external_id TEXT, polls INT)",
    "CREATE TABLE events (id TEXT, position INT, generation_id TEXT, body TEXT)",
    "CREATE TABLE whatever (event_id TEXT, raw BYTEA)",
    "CREATE TABLE counters (name TEXT, value INT)",
    "INSERT INTO counters VALUES ('events', 1)",
)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """A database of either kind, with some tables as the service has."""
    if request.param == "sqlite":
        path = str(tmp_path / "b.db")
        database = Place(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(";".join(TABLES).replace("BYTEA", "BLOB"))
        yield database
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        database = Place(url)
        with psycopg.connect(url) as connection:
            connection.execute(";".join(TABLES))
        yield database


def test_a_copy_has_its_own_names_in_every_table(place):
    books = place.open()
    generation, event = "gen_" + "a" * 26, "evt_" + "b" * 26
    books.insert("generations", ["id", "external_id", "polls"], [(generation, "theirs-0000000", 0)])
    books.insert("events", ["id", "position", "generation_id", "body"], [(event, 1, generation, f'{{"id":"{event}"}}')])
    books.insert("whatever", ["event_id", "raw"], [(event, b"about theirs-0000000"), ("other", b"")])
    books.commit()

    externals = clone(
        books, 40, lambda table, row, number: row.update(polls=number) if table == "generations" else None
    )

    assert externals == [row["external_id"] for row in books.all("generations")]
    assert [*range(40)] == [row["polls"] for row in books.all("generations")]
    assert [*range(1, 41)] == [row["position"] for row in books.all("events")]
    assert 40 == len({row["generation_id"] for row in books.all("events")})
    assert all(row["id"] in row["body"] for row in books.all("events"))
    assert 41 == len({row["raw"] for row in books.all("whatever")})
    assert [{"name": "events", "value": 40}] == books.all("counters")
    assert 0 == books.repeated("events", "generation_id", "position > 0")
    books.many("UPDATE events SET generation_id = ? WHERE position < 4", [("gen_same",)])
    assert 2 == books.repeated("events", "generation_id", "position > 0")
    assert books.bytes() > 0
    books.close()
    with pytest.raises(NotEmpty):
        Place(place.setting)
    place.clear()
    assert place.setting == Place(place.setting).setting


def test_copied_names_sort_and_never_meet():
    names = [renamed("gen_" + "a" * 26, number) for number in range(2000)]

    assert names == sorted(set(names))
    assert {30} == {len(name) for name in names}


def test_what_is_open_for_reading_sees_what_is_committed(tmp_path):
    books = SqliteBooks(tmp_path / "b.db")
    books.rows("CREATE TABLE rows_of (id TEXT)")
    beside = sqlite3.connect(tmp_path / "b.db")
    beside.execute(books.insert_text("rows_of", ["id"]), ("a",))
    beside.commit()
    beside.close()

    assert (1, 0) == (books.count("rows_of"), books.count("rows_of", "id = 'b'"))
    books.close()
