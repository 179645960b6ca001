"""`python -m tests.attack --minutes N`: fuzzes every target for its share of the time and prints the totals.

Two engines: hypothesis (always there) and atheris (`pip install atheris`), which follows the coverage of the branches.
What breaks a target is kept as a file, named in the report, and can be tried again: `--repeat FILE`.
"""

import argparse
from collections import Counter
import importlib.util
from pathlib import Path
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import given as for_all

from tests.attack.strategies import hostile
from tests.attack.targets import TARGETS, chosen

ROUND = 500
ENGINES = ("hypothesis", "atheris")
BOUNDS = ("-print_final_stats=1", "-max_len=20000", "-timeout=20", "-rss_limit_mb=2048")
EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def main(arguments):
    """Exit code 0 when nothing was found."""
    options = _options(arguments)
    if options.repeat:
        name, _, _ = options.repeat.name.partition("--")
        TARGETS[_plain(name)].eat(options.repeat.read_bytes())
        print("nothing is wrong with it")
        return 0
    engines = [options.engine] if options.engine else [engine for engine in ENGINES if _is_there(engine)]
    targets = chosen(options.only)
    share_s = options.minutes * 60 / len(targets) / len(engines)
    options.keep.mkdir(parents=True, exist_ok=True)
    input_counts, crash_files = Counter(), {}
    for target in targets:
        for engine in engines:
            count, crashes = (_by_hypothesis if engine == "hypothesis" else _by_atheris)(target, share_s, options)
            input_counts[engine] += count
            for where, raw in crashes.items():
                crash_files[target.name, where] = _kept(options.keep, target.name, where, raw)
            print(f"{target.name:55} {engine:10} {count:9} inputs, {len(crashes)} kinds of crash", flush=True)
    for (name, where), path in crash_files.items():
        print(f"CRASH {name}: {where}\n      {path}")
    counts_by_engine = ", ".join(f"{count} by {engine}" for engine, count in input_counts.items())
    total = sum(input_counts.values())
    print(f"{total} inputs tried on {len(targets)} targets ({counts_by_engine}); {len(crash_files)} kinds of crash")
    return 1 if crash_files else 0


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="in total, shared out among targets and engines")
    parser.add_argument("--only", action="append", help="targets whose names begin so; may be given several times")
    parser.add_argument("--engine", choices=ENGINES, help="one of them; else all that are installed")
    parser.add_argument("--seed", type=int, default=None, help="of hypothesis; else another one each time")
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir()) / "arrivals-attack", help="for crashes"
    )
    parser.add_argument("--repeat", type=Path, help="a kept file: try it again, with its traceback")
    return parser.parse_args(arguments)


def _is_there(engine):
    return importlib.util.find_spec(engine) is not None


def _by_hypothesis(target, share_s, options):
    """(inputs tried, crash by where it happened)."""
    crashes, tried = {}, 0
    began, start = options.seed, time.monotonic()
    number = random.SystemRandom().randrange(2**32) if began is None else began
    while time.monotonic() - start < share_s:

        @seed(number)
        @settings(
            max_examples=ROUND,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        @for_all(hostile(target.seeds))
        def eats(raw):
            nonlocal tried
            if time.monotonic() - start > share_s:
                return
            tried += 1
            try:
                target.eat(raw)
            except Exception as error:  # noqa: BLE001 - a finding, told at the end
                where = where_of(error)
                if where not in crashes or len(raw) < len(crashes[where]):
                    crashes[where] = raw

        eats()
        number += 1
    return tried, crashes


def _by_atheris(target, share_s, options):
    """(inputs tried, crash by place), in a process of its own: the engine ends it when done, and at the first crash."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, raw in enumerate(target.seeds):
            (corpus / f"{number}").write_bytes(raw)
        command = [sys.executable, "-m", "tests.attack.guided", target.name, str(corpus), *BOUNDS]
        command += [f"-max_total_time={max(1, int(share_s))}", f"-artifact_prefix={folder}/"]
        command += [f"-seed={options.seed}"] if options.seed is not None else []
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        executed = EXECUTED.search(ran.stderr)
        crashes = {}
        for path in Path(folder).iterdir():
            if path.is_file():
                try:
                    target.eat(path.read_bytes())
                    where = path.name.partition("-")[0]  # too slow, or too much memory: only the engine saw it
                except Exception as error:  # noqa: BLE001 - as above
                    where = where_of(error)
                crashes[where] = path.read_bytes()
        if executed is None and not crashes:
            raise RuntimeError(f"atheris did not run:\n{ran.stderr[-2000:]}")
        return int(executed[1]) if executed else 0, crashes


def where_of(error):
    """The exception and where it was raised, as one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    message = str(error).partition(":")[0][:80] if type(error).__name__ == "Broken" else ""
    return f"{type(error).__name__} {message} at {Path(frame.filename).name}:{frame.lineno} in {frame.name}"


def _kept(folder, name, where, raw):
    path = folder / f"{_filed(name)}--{abs(hash(where)) % 10**8:08}"
    path.write_bytes(raw)
    return path


def _filed(name):
    return name.replace("/", "%").replace(" ", "+")


def _plain(name):
    return name.replace("%", "/").replace("+", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
