"""What holds for every command: names, help, settings that are wrong."""

import subprocess
import sys

import click
import pytest

from arrivals import __version__
from arrivals.cli.errors import handle_errors
from arrivals.cli.main import COMMANDS, main
from arrivals.config.declarations import BadSetting
from arrivals.store.engine.base import Unsuitable
from tests.cli.conftest import ROOT, environment


def test_version_is_told(arrivals):
    result = arrivals("--version")
    assert (0, f"arrivals, version {__version__}\n") == (result.exit_code, result.stdout)


def test_help_lists_every_command_with_what_it_does(arrivals):
    result = arrivals("--help")
    assert 0 == result.exit_code
    lines = result.stdout.partition("Commands:\n")[2].splitlines()
    listed = [line.split() for line in lines if not line.startswith("   ")]  # long ones go on further right
    assert sorted(COMMANDS) == [words[0] for words in listed]
    assert all(len(words) > 3 for words in listed)


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


def test_unknown_command_is_wrong_usage(arrivals):
    result = arrivals("serv")
    assert 2 == result.exit_code
    assert "No such command 'serv'" in result.stderr


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


@pytest.mark.parametrize(
    ("error", "code"), [(BadSetting("told"), 2), (Unsuitable("told"), 1), (OSError("told"), 1), (FileExistsError(), 1)]
)
def test_expected_trouble_is_one_line(capsys, error, code):
    @handle_errors
    def command():
        raise error

    with pytest.raises(SystemExit) as caught:
        command()
    assert (code, f"arrivals: {error}\n") == (caught.value.code, capsys.readouterr().err)


@pytest.mark.timeout(30)
def test_package_is_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "arrivals", "--version"],
        env=environment(), cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"arrivals, version {__version__}\n" == result.stdout
