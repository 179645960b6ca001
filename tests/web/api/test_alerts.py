"""The sample alerts: well-formed rules about metrics, labels and commands that there are, each with what to do."""

import re

import click
from prometheus_client.parser import text_string_to_metric_families
import pytest
import yaml

from arrivals.cli.main import main
from arrivals.config.declarations import PROVIDER_SETTINGS
from arrivals.core.failure import FailureCode
from arrivals.flow.measurements import COUNTS, HISTOGRAMS
from arrivals.web.api.measured_metrics import PREFIX
from arrivals.web.api.metric_families import FAMILIES
from tests.support.fixtures import ROOT

TEXT = (ROOT / "docs/alerts.yml").read_text()
RULES = [rule for group in yaml.safe_load(TEXT)["groups"] for rule in group["rules"]]
LABELS = {family.name: set(family.labels) for family in (*FAMILIES, *COUNTS)}
LABELS |= {
    durations.name + part: {*durations.labels} | ({"le"} if part == "_bucket" else set())
    for durations in HISTOGRAMS
    for part in ("_bucket", "_count", "_sum")
}
WATCHED = sorted({name for rule in RULES for name in re.findall(rf"{PREFIX}\w+", rule["expr"])})


def named(rule):
    return rule["alert"]


def balanced(expression):
    """True if every bracket that opens closes again."""
    depth = 0
    for sign in expression:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_says_what_is_wrong_and_what_to_do(rule):
    assert {"alert", "expr", "labels", "annotations"} <= set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert {"summary", "description"} == set(rule["annotations"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"\d+m", rule.get("for", "1m"))
    assert len(rule["annotations"]["description"]) > len(rule["annotations"]["summary"])


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_counts_each_number_once_however_many_processes_show_it(rule):
    """Every process shows the same; a sum over them would be a multiple."""
    assert balanced(rule["expr"])
    for before in re.findall(rf"(\w+)(?: by \([\w, ]+\))? \(?\s*(?:\w+\()?{PREFIX}", rule["expr"]):
        assert "max" == before


def test_each_alert_has_a_name_of_its_own():
    assert len(RULES) == len({rule["alert"] for rule in RULES}) >= 15


@pytest.mark.parametrize("name", WATCHED)
async def test_alerts_watch_what_is_measured(client, name):
    text = (await client.get("/metrics")).text
    declared = {family.name for family in text_string_to_metric_families(text)}

    family = re.sub(r"_(bucket|count|sum|total)$", "", name)
    assert {name, family} & declared


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_alerts_name_labels_that_there_are(rule):
    expression = rule["expr"]
    for metric, chosen in re.findall(rf"{PREFIX}(\w+){{([^}}]+)}}", expression):
        assert set(re.findall(r"(\w+)=", chosen)) <= LABELS[metric]
    for by, metric in re.findall(rf"max by \(([\w, ]+)\)\s*\(\s*(?:\w+\(\s*)?{PREFIX}(\w+)", expression):
        assert set(by.split(", ")) <= LABELS[metric]
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    outermost = re.match(r"(?:histogram_quantile\(0\.95,\s*)?(?:sum|max) by \(([\w, ]+)\)", expression)
    assert shown <= (set(outermost[1].split(", ")) if outermost else set())


@pytest.mark.parametrize("codes", sorted(set(re.findall(r'code=~"([^"]+)"', TEXT))))
def test_alerts_name_failure_codes_that_there_are(codes):
    for code in codes.split("|"):
        assert any(re.fullmatch(code, word) for word in FailureCode), code


def test_alerts_advise_settings_that_there_are():
    """Those without a provider in them are checked in every document by tests/test_house.py."""
    advised = set(re.findall(r"ARRIVALS_<PROVIDER>_([A-Z_]+)", TEXT))

    assert advised
    assert advised <= {setting.name for setting in PROVIDER_SETTINGS}


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"\barrivals ((?:subscribers|replays) [a-z-]+|doctor|serve)", TEXT)))
)
def test_alerts_advise_commands_that_there_are(command):
    group: click.Command = main
    for word in command.split():
        assert isinstance(group, click.Group)
        found_command = group.get_command(click.Context(group), word)
        assert found_command is not None, command
        group = found_command
