"""`python -m tests`: every gate, in order; `fast`: the gates to run between edits; else pytest with these arguments."""

from contextlib import ExitStack
from functools import partial
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time

import psutil

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent
WHOLE = "service/arrivals/core/*,service/arrivals/providers/*,service/arrivals/flow/*"

GATES = (
    ("format", [PYTHON, "-m", "ruff", "format", "--check", "--no-cache", "."]),
    ("lint", [PYTHON, "-m", "ruff", "check", "--no-cache", "."]),
    ("types", [PYTHON, "-m", "mypy"]),
    ("floors", [str(BIN / "lint-imports"), "--no-cache"]),
    ("tests", None),
    ("coverage", [PYTHON, "-m", "coverage", "combine", "--quiet"]),
    ("coverage of all", [PYTHON, "-m", "coverage", "report", "--fail-under=95"]),
    ("coverage of the middle", [PYTHON, "-m", "coverage", "report", f"--include={WHOLE}", "--fail-under=100"]),
)

QUICK = [gate for gate in GATES if "coverage" not in gate[0]]

# Three at once: two halves of what keeps a processor busy, and what mostly waits for processes to live and die; short
# rooms beside it.
SHORT = ("tests/lab/rehearsal", "tests/scenarios", "tests/workers")
WAITING = ("tests/lab/test_demo.py", "tests/lab/test_torture.py", "tests/lab/test_kill.py", *SHORT)
ROOMS = ("attack", "cli", "core", "providers", "web")
HALF = tuple(f"tests/{room}" for room in ROOMS)
OUTSIDE = "tests/outside"  # needs more than Python: `.ci/run` brings it and runs this
PARTS = (HALF, WAITING, ("tests", *(f"--ignore={path}" for path in (*HALF, *WAITING, OUTSIDE))))
# On SQLite alone, without processes to start, deaths to play through and connections to play in two ways: nearly every
# mistake shows here, in under a minute.
SLOW = ("tests/store/engine/test_silence.py", "tests/web/server")
QUICKEST = ("-k", "not postgres and not death_at_any_point", *(f"--ignore={path}" for path in SLOW))
FAST = (
    (
        *QUICKEST,
        "tests/core",
        "tests/flow",
        "tests/store",
        "tests/workers",
        "tests/test_house.py",
        "tests/test_pins.py",
    ),
    (*QUICKEST, "tests/providers", "tests/scenarios", "tests/web"),
)
LONGEST_S = 30 * 60  # of any part, on a machine that has much else to do; then it hangs where no test's limit holds


def in_parts(pytest, parts):
    """Runs all parts at once; the first prints as it goes, the others when they are done. Returns 1 if any failed."""
    first, *others = parts
    ends = time.monotonic() + LONGEST_S
    with ExitStack() as kept:
        running = []
        for part in others:
            output = kept.enter_context(tempfile.TemporaryFile())
            running.append((subprocess.Popen([*pytest, *part], stdout=output, stderr=subprocess.STDOUT), output))
        codes = [ended(subprocess.Popen([*pytest, *first]), ends)]
        for process, output in running:
            codes.append(ended(process, ends))
            output.seek(0)
            print(output.read().decode(errors="replace"), flush=True)
    return int(any(codes))


def ended(process, ends):
    """The exit code of the process; one that runs on is aborted, upon which pytest dumps the stacks of all threads."""
    try:
        return process.wait(max(0, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGABRT)
        for child in below:
            child.kill()
        return process.wait()


def main(arguments):
    """Run the gates; the first that fails ends the run."""
    os.chdir(ROOT)
    if arguments == ["fast"]:
        return run(QUICK, partial(in_parts, [PYTHON, "-m", "pytest"], FAST))
    if arguments:
        return subprocess.run([PYTHON, "-m", "pytest", *arguments], check=False).returncode
    return run(GATES, partial(in_parts, [PYTHON, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest"], PARTS))


def run(gates, tests):
    """Run each gate, as long as they pass; `tests` runs all tests."""
    for name, command in gates:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        code = subprocess.run(command, check=False).returncode if command else tests()
        print(f"== {name}: {'passed' if code == 0 else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
        if code:
            return code
    print("every gate passed")
    return 0


sys.exit(main(sys.argv[1:]))
