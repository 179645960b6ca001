"""The command line, in this process (`arrivals(...)`) and as real processes beside a database of their own."""

import os
from pathlib import Path

from click.testing import CliRunner
import pytest

from service.cli.main import main
from service.logs import configure
from service.proof.processes import Process, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
API_KEY = "key-of-the-command-line"


def environment(**settings):
    """The variables of this process, with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARRIVALS_")}
    given = {f"ARRIVALS_{name}": str(value) for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **given}


def asking_for(prompt):
    """The input of an order, as the model takes it."""
    return {"input": {"messages": [{"role": "user", "content": [{"text": prompt}]}]}}


@pytest.fixture
def arrivals(monkeypatch, tmp_path):
    """Runs one command with these settings; the result has exit_code, stdout and stderr."""

    def run(*arguments, **settings):
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name in [name for name in os.environ if name.startswith("ARRIVALS_")]:
                patch.delenv(name)
            for name, value in {
                "COLUMNS": 200,
                **{f"ARRIVALS_{name}": value for name, value in settings.items()},
            }.items():
                patch.setenv(name, str(value))
            return CliRunner().invoke(main, [str(argument) for argument in arguments])

    yield run
    configure("json", "error")  # commands set up logging for their own process


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """The stand-ins, as a real process; their port."""
    port = free_port()
    process = Process(
        "rehearse", ["service", "rehearse", "--port", str(port)], environment(), tmp_path_factory.mktemp("rehearse")
    )
    process.start(f"http://127.0.0.1:{port}/")
    yield port
    process.stop()


@pytest.fixture(scope="module")
def service(rehearsal, tmp_path_factory):
    """The service, as a real process; its settings."""
    folder = tmp_path_factory.mktemp("serve")
    settings = {
        "DATABASE": folder / "arrivals.db",
        "PORT": free_port(),
        "API_KEY": API_KEY,
        "LAOZHANG_API_KEY": "rehearsal-laozhang",
        "VTRIX_API_KEY": "rehearsal-vtrix",
        "VTRIX_BASE_URL": f"http://127.0.0.1:{rehearsal}/vtrix",
        "POLL_FIRST_S": 0.2,
    }
    process = Process("serve", ["service", "serve"], environment(**settings), folder)
    process.start(f"http://127.0.0.1:{settings['PORT']}/health/ready")
    yield {name: settings[name] for name in ("DATABASE", "PORT", "API_KEY")}
    process.stop()
