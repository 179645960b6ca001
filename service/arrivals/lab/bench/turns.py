"""A benchmark of two trees in turns, so that whatever else the machine does meets both alike."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from arrivals.lab.bench.bench import Bench
from arrivals.lab.bench.figures import TOTALS, Case, Figures, ratio
from arrivals.lab.bench.source_tree import HERE, Tree


async def in_turns(sizes: Any, bench: Bench, baseline: Tree) -> tuple[list[Case], list[Case]]:
    """Returns the cases of the baseline and of this tree, measured in alternating rounds, each on an empty database."""
    single_round = replace(sizes, rounds=1)
    both: tuple[dict[str, Case], dict[str, Case]] = ({}, {})
    for number in range(sizes.rounds):
        for cases, tree, whose in zip(both, (baseline, HERE), ("the baseline", "this tree"), strict=True):
            bench.screen.phase(f"turn {number + 1} of {sizes.rounds}: {whose}")
            for case in await single_round.measure(replace(bench, tree=tree)):
                cases.setdefault(case.name, Case(case.name)).rounds.extend(case.rounds)
    theirs, ours = both
    return list(theirs.values()), list(ours.values())


def beside(case: Case, baseline: Case) -> Figures:
    """Returns the ratio of each median to the baseline's, and that of the throughput turn by turn."""
    turns = zip(case.rounds, baseline.rounds, strict=True)
    by_turn = [ratio(ours.get("per_second"), theirs.get("per_second")) for ours, theirs in turns]
    return {**_ratios(case.median, baseline.median), "per_second_by_turn": by_turn}


def _ratios(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Figures:
    numbers = {name: value for name, value in ours.items() if _is_number(value) and _is_number(theirs.get(name))}
    ratios = {name: ratio(value, theirs[name]) for name, value in numbers.items() if name not in TOTALS}
    return {name: value for name, value in ratios.items() if value is not None}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
