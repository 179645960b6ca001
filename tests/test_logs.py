"""The log says what happened, and holds no secret of anybody."""

import json
import logging
import re

import pytest
import structlog

from arrivals.logs import HIDDEN, configure, report_crash
from arrivals.outbound.transport import NoAnswer, Reason
from tests.support.fixtures import ROOT
from tests.support.markdown import rows


@pytest.fixture
def _restored():
    yield
    configure("json", "error")


def fail_with(error):
    raise error


def fail():
    key = "arr_the-key-of-a-caller"
    raise RuntimeError(f"something with a length of {len(key)}")


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.usefixtures("_restored")
def test_a_logged_error_shows_no_local_variables(log_format, capsys):
    """Locals hold keys, secrets and bodies."""
    configure(log_format)

    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("went_wrong", generation_id="gen_1")

    output = capsys.readouterr().err
    assert "went_wrong" in output
    assert "RuntimeError" in output
    assert "arr_the-key-of-a-caller" not in output


@pytest.mark.usefixtures("_restored")
def test_a_line_is_one_json_object(capsys):
    configure("json", "info")

    structlog.get_logger().info("event_announced", generation_id="gen_1")
    structlog.get_logger().debug("not_shown")

    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert ("event_announced", "gen_1", "info") == (entry["event"], entry["generation_id"], entry["level"])


SECRET = 'quite"secret\\text'
OURS = (
    "whsec_" + "AbCd+/=" * 6, "whsk_" + "AbCd1234" * 5, "arr_" + "Ab-_1" * 8, "gen_1.default~" + "aB3-_" * 8 + "abc",
    "https://x.example/callbacks/eachlabs/gen_1.default~abcdefgh", "Authorization: Bearer abcdefgh.ijkl",
    "postgresql://user:pass%20word@host/db",
)  # fmt: skip


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.usefixtures("_restored")
def test_no_secret_stands_in_a_line_whoever_logs_it(log_format, capsys):
    configure(log_format, "debug", [SECRET, "short"])

    structlog.get_logger().info(f"said {SECRET}", reason=SECRET, url=f"https://x/{SECRET}/y", count=5)
    for text in OURS:
        structlog.get_logger().debug("said", text=text, nested={"in": [text]})

    output = capsys.readouterr().err
    assert SECRET not in output
    assert "secret" not in output.replace("whsec", "")
    parts = ("AbCd+/=AbCd", "AbCd1234AbCd", "Ab-_1Ab-_1", "aB3-_aB3-_", "default~abcdefgh", "abcdefgh.ijkl", "pass%20")
    for secret in parts:
        assert secret not in output, secret
    assert output.count(HIDDEN) >= 3 + 2 * len(OURS)
    assert "whsec_" in output


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.usefixtures("_restored")
def test_a_crash_says_where_and_not_what_was_sent(log_format, capsys):
    """A decoder, a database and Python itself quote the input they fail on."""
    configure(log_format)

    try:
        try:
            int("a prompt that somebody sent")
        except ValueError:
            inner = [KeyError("their key"), OSError(28, "No space left", "prompt.txt")]
            fail_with(ExceptionGroup("about a prompt", inner))
    except ExceptionGroup:
        structlog.get_logger().exception("went_wrong")
    try:
        fail_with(NoAnswer(Reason.TIMEOUT, "nobody there"))
    except NoAnswer:
        structlog.get_logger().exception("went_wrong")

    output = capsys.readouterr().err
    assert "prompt" not in output
    assert "their key" not in output
    for word in ("ValueError", "ExceptionGroup", "KeyError", "No space left", "timeout: nobody there", "test_logs.py"):
        assert word in output, word


@pytest.mark.usefixtures("_restored")
def test_libraries_are_heard_in_our_form_without_what_they_fill_in(capsys):
    configure("json", "info")

    logging.getLogger("uvicorn_of_the_tests").warning("Invalid HTTP request received.")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task exception=Error('a prompt')>")
    logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", "no route to host")
    logging.getLogger("any").info("nobody wants to know")
    try:
        fail_with(RuntimeError("a prompt"))
    except RuntimeError:
        logging.getLogger("uvicorn_of_the_tests").exception("Exception in ASGI application\n")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [
        ("library_log", "Task exception was never retrieved"),
        ("library_log", "error connecting in 'pool-1': no route to host"),
        ("library_failed", "Exception in ASGI application"),
    ] == [(line["event"], line["said"]) for line in lines]
    assert "prompt" not in json.dumps(lines)
    assert "RuntimeError" == lines[-1]["exception"][-1]["type"]


def test_what_ends_a_process_is_told_alike(capsys):
    report_crash(RuntimeError, RuntimeError("a prompt"), None)

    output = capsys.readouterr().err
    assert "RuntimeError" in output
    assert "prompt" not in output


def test_every_event_that_the_document_lists_is_logged():
    """By the story of a generation in docs/operating.md."""
    section = (ROOT / "docs/operating.md").read_text().partition("\n### Log lines")[2].partition("\n## ")[0]
    listed = {event for row in rows(section) for event in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    sources = "".join(path.read_text() for path in (ROOT / "service/arrivals").rglob("*.py"))
    logged = set(re.findall(r'log\.(?:info|warning|error)\(\s*"(\w+)"', sources))

    assert len(listed) >= 10
    assert listed <= logged
