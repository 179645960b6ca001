"""The command line, in this process (`arrivals(...)`) and as real processes beside a database of their own."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading

from click.testing import CliRunner
import pytest

from arrivals.cli.main import main
from arrivals.lab.processes import Process, free_port
from arrivals.logs import configure

ROOT = Path(__file__).resolve().parent.parent.parent
API_KEY = "key-of-the-command-line"


def environment(**settings):
    """The variables of this process, with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARRIVALS_")}
    variables = {f"ARRIVALS_{name}": str(value) for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **variables}


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
            result = CliRunner().invoke(main, [str(argument) for argument in arguments])
            print(f"{arguments}: exit code {result.exit_code}\n{result.stderr}")  # shown where a test fails
            return result

    yield run
    configure("json", "error")  # commands set up logging for their own process


@pytest.fixture
def doctor(arrivals):
    """The findings, by the check's name."""

    def examine(*arguments, **settings):
        result = arrivals("doctor", "--json", *arguments, **settings)
        report = json.loads(result.stdout)
        assert report["ok"] is all(check["ok"] for check in report["checks"]) is (result.exit_code == 0)
        assert all(bool(check["advice"]) is not check["ok"] for check in report["checks"])
        return {check["name"]: check for check in report["checks"]}

    return examine


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory):
    """The stand-ins, as a real process; their port."""
    port = free_port()
    process = Process(
        "rehearse", ["arrivals", "rehearse", "--port", str(port)], environment(), tmp_path_factory.mktemp("rehearse")
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
    process = Process("serve", ["arrivals", "serve"], environment(**settings), folder)
    process.start(f"http://127.0.0.1:{settings['PORT']}/health/ready")
    yield {name: settings[name] for name in ("DATABASE", "PORT", "API_KEY")}
    process.stop()


@pytest.fixture(scope="session")
def whole(rehearsal, tmp_path_factory):
    """The service as a real process that providers can call back; its settings."""
    folder, port = tmp_path_factory.mktemp("whole"), free_port()
    settings = {
        "DATABASE": folder / "arrivals.db",
        "PORT": port,
        "API_KEY": API_KEY,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ALLOW_DESTINATIONS": "127.0.0.0/8",
        "EACHLABS_API_KEY": "rehearsal-eachlabs",
        "EACHLABS_BASE_URL": f"http://127.0.0.1:{rehearsal}/eachlabs",
        "EACHLABS_REQUESTS_PER_MINUTE": 100_000,
        "VTRIX_API_KEY": "rehearsal-vtrix",
        "VTRIX_BASE_URL": f"http://127.0.0.1:{rehearsal}/vtrix",
        "POLL_FIRST_S": 5,
        "RETRY_SCHEDULE_S": "0,0.2,0.2",
    }
    process = Process("whole", ["arrivals", "serve"], environment(**settings), folder)
    process.start(f"http://127.0.0.1:{port}/health/ready")
    yield {name: settings[name] for name in ("DATABASE", "PORT", "API_KEY")}
    process.stop()


@pytest.fixture
def run(arrivals, whole):
    """Runs one command against the whole service; what it printed, as JSON where it asks for that."""

    def command(*arguments, code=0):
        result = arrivals(*arguments, **whole)
        assert code == result.exit_code, result.stderr + result.stdout
        if "--json" in arguments and code == 0:
            return json.loads(result.stdout)
        return result

    return command


@pytest.fixture
def ended(arrivals, whole):
    """Orders something that ends at once, well or badly; the generation."""

    def order(fault=""):
        words = f"a fox [rehearse run=0.05 {fault}]"
        result = arrivals("submit", "eachlabs", "flux-1-1-pro", "--prompt", words, "--wait", 20, "--json", **whole)
        assert result.stdout, result.stderr
        return json.loads(result.stdout)

    return order


@pytest.fixture
def open_ended(run, arrivals, whole):
    """Orders something that goes on for long, until the provider has it; the generation. Canceled in the end."""
    made = []

    def order(*options):
        words = ("eachlabs", "flux-1-1-pro", "--prompt", "a fox [rehearse run=600]")
        made.append(run("submit", *words, *options, "--json")["id"])
        while (generation := run("show", made[-1], "--json")["generation"])["external_id"] is None:
            pass
        return generation

    yield order
    for generation_id in made:
        arrivals("cancel", generation_id, **whole)


class Hook:
    """A program on this machine that takes events: answers what it is told to, else 204; `taken` is what came."""

    def __init__(self):
        self.answers, self.taken, self.came = [], [], threading.Semaphore(0)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.taken.append((dict(self.headers), body))
                self.send_response(hook.answers.pop(0) if hook.answers else 204)
                self.end_headers()
                hook.came.release()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def wait(self, count):
        """Until so many have come."""
        for _ in range(count):
            assert self.came.acquire(timeout=8)


@pytest.fixture
def hook():
    hook = Hook()
    thread = threading.Thread(target=hook.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()


class Running:
    """A command as a process of its own; its lines as they come."""

    def __init__(self, arguments, settings, cwd):
        self.child = subprocess.Popen(
            [sys.executable, "-m", "arrivals", *map(str, arguments)],
            env=environment(**settings), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def said(self, words):
        """The next line on standard error that has these words."""
        for line in self.child.stderr:
            if words in line:
                return line
        raise AssertionError(f"it never said {words!r}")

    def line(self):
        """The next line on standard output."""
        return self.child.stdout.readline().rstrip("\n")

    def interrupt(self):
        """Ctrl-C; (exit code, what was left to say)."""
        self.child.send_signal(signal.SIGINT)
        out, error = self.child.communicate(timeout=8)
        return self.child.returncode, out + error


@pytest.fixture
def running(tmp_path):
    """Starts commands that go on until they are interrupted."""
    started = []

    def start(*arguments, **settings):
        started.append(Running(arguments, settings, tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.child.kill()
        process.child.communicate()
