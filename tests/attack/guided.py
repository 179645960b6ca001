"""One target under atheris: `python -m tests.attack.guided TARGET CORPUS -max_total_time=60`."""

import sys

import atheris

with atheris.instrument_imports(include=["arrivals"], enable_loader_override=False):
    from tests.attack.mutation import worse
    from tests.attack.targets import TARGETS

import random

TARGET = TARGETS[sys.argv[1]]
SEEDS = TARGET.seeds


def mutate(raw, largest, number):
    """Half of the mutations know JSON and HTTP; the other half are libFuzzer's own."""
    rng = random.Random(number)
    if rng.random() < 0.5:
        return atheris.Mutate(raw, largest)
    return worse(raw, rng.choice(SEEDS), rng)[:largest]


atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGET.eat, custom_mutator=mutate)
atheris.Fuzz()
