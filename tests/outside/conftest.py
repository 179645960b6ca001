"""The document, other people's tools, and a whole service for the clients that these make."""

import json

import pytest

from arrivals.lab.processes import Process, free_port
from arrivals.web.app import DOCUMENT
from tests.cli import conftest
from tests.cli.conftest import API_KEY, environment
from tests.outside.tools import installed_by_npm, installed_by_pip

rehearsal, hook = conftest.rehearsal, conftest.hook


@pytest.fixture(scope="session")
def npm(tmp_path_factory):
    """A folder with the tools in JavaScript, and the document."""
    folder = installed_by_npm(tmp_path_factory.mktemp("npm"))
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    return folder


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The Python of an environment with the tools in Python."""
    return installed_by_pip(tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="session")
def whole(rehearsal, tmp_path_factory):
    """The service as a real process that providers can call back; what a client has to know of it."""
    folder, port = tmp_path_factory.mktemp("whole"), free_port()
    settings = {
        "DATABASE": folder / "arrivals.db",
        "PORT": port,
        "API_KEY": API_KEY,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ALLOW_DESTINATIONS": "127.0.0.0/8",
        "POLL_FIRST_S": 1,
        **{f"{name}_API_KEY": f"rehearsal-{name.lower()}" for name in ("RUNBLOB", "EACHLABS", "VTRIX")},
        **{
            f"{name}_BASE_URL": f"http://127.0.0.1:{rehearsal}/{name.lower()}"
            for name in ("RUNBLOB", "EACHLABS", "VTRIX")
        },
    }
    process = Process("whole", ["arrivals", "serve"], environment(**settings), folder)
    process.start(f"http://127.0.0.1:{port}/health/ready")
    yield {"ARRIVALS_URL": f"http://127.0.0.1:{port}", "ARRIVALS_API_KEY": API_KEY}
    process.stop()
