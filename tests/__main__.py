"""`python -m tests`: every gate, in order; `python -m tests ARGUMENT…`: only pytest, with these arguments."""

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


# About half of the work each, so that two processors do it in half the time; the other half is everything else.
ROOMS = ("attack", "cli", "client", "core", "providers", "rehearsal", "scenarios", "store", "web", "workers")
HALF = tuple(f"tests/{room}" for room in ROOMS)


def tests():
    """Both halves at once, each measured; what they print comes one after the other."""
    measured = [PYTHON, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest"]
    halves = (HALF, ["tests", *(f"--ignore={path}" for path in HALF)])
    with tempfile.TemporaryFile() as kept:
        second = subprocess.Popen([*measured, *halves[1]], stdout=kept, stderr=subprocess.STDOUT)
        codes = [subprocess.run([*measured, *halves[0]], check=False).returncode, second.wait()]
        kept.seek(0)
        print(kept.read().decode(errors="replace"), flush=True)
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
