"""The demo for many seeds, with its webhooks, without them and with a crash, on both databases: every one must agree.

`python -m tests.support.demos --seeds 40` runs seeds 1 to 40 in every way; `--fresh N` takes N seeds that
nobody tried before, each in one way after the other. Exit code 1 if any disagrees; what it said is printed.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
import json
import secrets
import subprocess
import sys
import time

from tests.support.postgres import fresh_database, server

WAYS = {"webhooks": (), "polls": ("--lose-webhooks",), "crash": ("--crash",)}
DATABASES = ("sqlite", "postgresql")
LONGEST_S = 180
FRESH = 1_000_000


def main():
    """Runs the demos; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.demos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=0, help="seeds 1 to this, in every way and on both databases")
    parser.add_argument("--fresh", type=int, default=0, help="so many new seeds, each in one way")
    parser.add_argument("--at-once", type=int, default=1, help="demos beside each other")
    options = parser.parse_args()
    every = [(way, database) for way in WAYS for database in DATABASES]
    runs = [(seed, *run) for seed in range(1, options.seeds + 1) for run in every]
    turns = cycle(every[secrets.randbelow(len(every)) :] + every)
    runs += [(secrets.randbelow(FRESH), *next(turns)) for _ in range(options.fresh)]
    with server() as started, ThreadPoolExecutor(options.at_once) as pool:
        failed = sum(not agreed for agreed in pool.map(lambda run: agrees(started.url, *run), runs))
    print(f"{len(runs) - failed} passed, {failed} failed")
    return bool(failed)


def agrees(server_url, seed, way, database):
    """True where one demo agrees; prints a line about it."""
    arguments = ["demo", "--json", "--seed", str(seed), *WAYS[way]]
    began = time.monotonic()
    if database == "postgresql":
        with fresh_database(server_url) as url:
            code, disagreements = _run([*arguments, "--database", url])
    else:
        code, disagreements = _run(arguments)
    took_s = time.monotonic() - began
    print(f"seed {seed} {way} {database}: {'agreed' if code == 0 else disagreements} ({took_s:.0f} s)", flush=True)
    return code == 0


def _run(arguments):
    ran = subprocess.run(
        [sys.executable, "-m", "arrivals", *arguments], capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    try:
        return ran.returncode, json.loads(ran.stdout)["disagreements"]
    except ValueError:
        return ran.returncode or 1, ran.stdout + ran.stderr


if __name__ == "__main__":
    sys.exit(main())
