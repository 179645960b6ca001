"""A commit beside the tree. Needs git, and the tree to be a checkout."""

import json

from click.testing import CliRunner
import pytest

from arrivals.cli.main import main


@pytest.mark.timeout(60)
def test_another_commit_is_measured_in_turns_with_this_tree():
    options = ["--json", "--rounds", "2", "--seconds", "0.2", "--generations", "5", "--connections", "4"]

    ran = CliRunner().invoke(main, ["bench", "--baseline", "HEAD", "ingest", *options])

    assert 0 == ran.exit_code, ran.output
    report = json.loads(ran.stdout)
    case = report["cases"]["4 connections"]
    assert ("HEAD", 40) == (report["baseline"]["reference"], len(report["baseline"]["commit"]))
    assert [2, 2] == [len(case["rounds"]), len(case["baseline"]["rounds"])]
    assert 2 == len(case["over_baseline"]["per_second_by_turn"])
    assert case["over_baseline"]["per_second"] > 0
