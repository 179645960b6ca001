"""`python -m tests`: every gate, in order; `python -m tests ARGUMENT…`: only pytest, with these arguments."""

import os
from pathlib import Path
import subprocess
import sys
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
    ("tests", [PYTHON, "-m", "coverage", "run", "-m", "pytest"]),
    ("coverage", [PYTHON, "-m", "coverage", "report", "--fail-under=95"]),
    ("coverage of the middle", [PYTHON, "-m", "coverage", "report", f"--include={WHOLE}", "--fail-under=100"]),
)


def main(arguments):
    """Run the gates; the first that fails ends it."""
    os.chdir(ROOT)
    if arguments:
        return subprocess.run([PYTHON, "-m", "pytest", *arguments], check=False).returncode
    for name, command in GATES:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        code = subprocess.run(command, check=False).returncode
        print(f"== {name}: {'passed' if code == 0 else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
        if code:
            return code
    print("every gate passed")
    return 0


sys.exit(main(sys.argv[1:]))
