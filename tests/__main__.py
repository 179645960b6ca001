"""`python -m tests`: every gate, in order; `python -m tests ARGUMENT…`: only pytest, with these arguments."""

from contextlib import ExitStack
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent
WHOLE = "service/core/*,service/providers/*,service/flow/*"

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


# Three at once: two halves of what keeps a processor busy, and what mostly waits for processes to live and die; short
# rooms beside it.
SHORT = ("tests/rehearsal", "tests/scenarios", "tests/workers")
WAITING = ("tests/proof/test_torture.py", "tests/proof/test_kill.py", *SHORT)
ROOMS = ("attack", "cli", "core", "providers", "web")
HALF = tuple(f"tests/{room}" for room in ROOMS)
PARTS = (HALF, WAITING, ("tests", *(f"--ignore={path}" for path in (*HALF, *WAITING))))


def tests():
    """All parts at once, each measured; the first prints as it goes, the others when they are done."""
    measured = [PYTHON, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest"]
    first, *others = PARTS
    with ExitStack() as kept:
        running = []
        for part in others:
            told = kept.enter_context(tempfile.TemporaryFile())
            running.append((subprocess.Popen([*measured, *part], stdout=told, stderr=subprocess.STDOUT), told))
        codes = [subprocess.run([*measured, *first], check=False).returncode]
        for process, told in running:
            codes.append(process.wait())
            told.seek(0)
            print(told.read().decode(errors="replace"), flush=True)
    return max(codes)


def main(arguments):
    """Run the gates; the first that fails ends it."""
    os.chdir(ROOT)
    if arguments:
        return subprocess.run([PYTHON, "-m", "pytest", *arguments], check=False).returncode
    for name, command in GATES:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        code = subprocess.run(command, check=False).returncode if command else tests()
        print(f"== {name}: {'passed' if code == 0 else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
        if code:
            return code
    print("every gate passed")
    return 0


sys.exit(main(sys.argv[1:]))
