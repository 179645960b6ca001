"""The demo's words: real runs, one into a pipe and one on a terminal, both of 80 columns."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

import httpx
import pytest

from arrivals.lab.demo.mixture import in_words, mixture
from arrivals.lab.demo.scenario import plan

DEMO = [sys.executable, "-m", "arrivals", "demo"]
COLUMNS = 80
ROW = re.compile(r"[a-z]+( +(\d+|·)){3}")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")
LAST_LINE = 'curl -s "$rehearsal/rehearsal/record"\n'


def environment(folder, **more):
    shown = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: text for name, text in os.environ.items() if name not in shown}
    return {**kept, "TMPDIR": str(folder), "TERM": "xterm-256color", **more}


def paragraphs(text):
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def numbers(pattern, text):
    return tuple(int(number) for number in re.search(pattern, " ".join(text.split())).groups())


@pytest.fixture(scope="module")
def piped(tmp_path_factory):
    """The output of a run into a pipe, and the stand-ins' record, read where its last words say that it is."""
    folder = tmp_path_factory.mktemp("demo")
    with subprocess.Popen(
        [*DEMO, "--keep"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(folder, PYTHONUNBUFFERED="1"),
    ) as running:
        lines = []
        for line in running.stdout:
            lines.append(line)
            if line == LAST_LINE:
                break
        text = "".join(lines)
        assert lines[-1] == LAST_LINE, text
        record = httpx.get(re.search(r" rehearsal=(\S+)", text)[1] + "/rehearsal/record", trust_env=False).json()
        running.send_signal(signal.SIGINT)
        assert running.wait() == 0
    return text, record


@pytest.mark.timeout(150)
def test_first_words_of_a_demo_say_that_its_faults_are_ordered(piped):
    text, _ = piped
    first = paragraphs(text)[0]

    assert first.startswith("The providers of this demo are stand-ins, and they misbehave on purpose. Of ")
    assert "So not all will complete, and not all should" in first


@pytest.mark.timeout(150)
def test_first_words_of_its_result_say_what_the_providers_did_and_what_arrivals_lost(piped):
    text, record = piped
    [result] = [paragraph for paragraph in paragraphs(text) if paragraph.startswith("As ordered, ")]
    webhooks = [job["webhooks"] for job in record["jobs"]]
    truly = (sum(each["lost"] for each in webhooks), sum(each["forged_sent"] > 0 for each in webhooks))

    lost, doubled, forged = numbers(
        r"^As ordered, the providers lost (\d+) webhooks, doubled (\d+), forged (\d+)", result
    )
    assert truly == (lost, forged)
    assert doubled > 0
    assert numbers(r"refused (\d+) submissions", result) == (sum(job["refused"] > 0 for job in record["jobs"]),)
    assert numbers(r"broke off the answers to (\d+)", result) == (sum(job["answer_cut"] for job in record["jobs"]),)
    assert result.endswith("Arrivals lost 0, closed 0 twice, submitted 0 twice and leaked 0 keys.")


@pytest.mark.timeout(150)
def test_what_did_not_complete_is_said_to_be_ordered(piped):
    text, _ = piped
    orders, completed, failed = numbers(
        r"Of (\d+) generations, (\d+) completed and (\d+) failed or expired, as ordered\.", text
    )

    assert orders == completed + failed
    assert "Arrivals, the application and the providers' own record agree on all of it." in paragraphs(text)


@pytest.mark.timeout(150)
def test_into_a_pipe_go_lines_of_80_characters_and_no_control_characters(piped):
    text, _ = piped

    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []
    assert CONTROL.findall(text) == []


@pytest.mark.timeout(150)
def test_no_row_of_its_table_is_wrapped(piped):
    text, _ = piped
    [table] = re.findall(r"^provider  completed  failed  expired\n(.+?)\n\n", text, re.MULTILINE | re.DOTALL)
    rows = table.split("\n")

    assert ["aihubmix", "eachlabs", "laozhang", "runblob", "seacloud", "vtrix", "all"] == [
        row.split()[0] for row in rows
    ]
    assert [row for row in rows if not ROW.fullmatch(row)] == []


@pytest.mark.timeout(150)
def test_a_pipe_is_told_how_far_it_is(piped):
    text, _ = piped
    orders = len(plan(1, lose_webhooks=False, callback_url="http://127.0.0.1/"))
    steps = re.findall(r"^ *\d+ s  (.+)$", text, re.MULTILINE)

    assert ["starting the providers' stand-ins", f"{orders} of {orders} have ended; late webhooks may still come"] == [
        steps[0],
        steps[-1],
    ]


@pytest.mark.timeout(150)
def test_a_terminal_is_drawn_on_within_80_columns_and_without_colors_where_nobody_wants_them(tmp_path):
    code, text = on_a_terminal([*DEMO, "--lose-webhooks"], environment(tmp_path, NO_COLOR="1"))
    styles = {style for codes, kind in SEQUENCE.findall(text) if kind == "m" for style in codes.split(";")}

    assert code == 0
    assert styles <= {"0", "1"}  # none, and bold
    assert [line for line in SEQUENCE.sub("", text).splitlines() if len(line.strip("\r")) > COLUMNS] == []
    assert re.search(r"provider +under way +completed +failed +canceled +expired", SEQUENCE.sub("", text))
    assert "webhooks that are all lost" in " ".join(text.split())
    assert list(tmp_path.iterdir()) == []


def on_a_terminal(command, env):
    """The exit code of the command, and everything that it writes on a terminal of 80 columns."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=env) as running:
        os.close(inner)
        written = b"".join(_chunks(outer))
        os.close(outer)
    return running.returncode, written.decode()


def _chunks(terminal):
    while True:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # what Linux answers once nobody holds the other end
            return
        if not chunk:
            return
        yield chunk


def test_no_webhook_or_poll_is_counted_of_an_order_that_was_never_accepted():
    orders = plan(1, lose_webhooks=False, callback_url="http://127.0.0.1/")
    accepted = [{"provider": order.provider, "ref": order.ref, "submits": 1} for order in orders]
    refused = [{**job, "submits": 0} for job in accepted]

    assert {"refused {} submissions", "broke off the answers to {}"} == set(mixture(orders, {"jobs": refused}))
    assert mixture(orders, {"jobs": accepted}) > mixture(orders, {"jobs": refused})


def test_faults_that_did_not_happen_are_left_out():
    assert in_words({"lost {} webhooks": 2, "doubled {}": 0, "forged {}": 3}) == "lost 2 webhooks and forged 3"
    assert in_words({}) == "did nothing wrong"
