"""What is made from the code: `python -m tests.support.generated` writes it into the documents, a test checks it.

The same command sorts the pins of `constraints.txt`.
"""

from pathlib import Path
import re

from arrivals.config.declarations import PREFIX, PROVIDER_SETTINGS, SETTINGS, Group, provider_settings
from arrivals.core.acceptance import ANSWERS
from arrivals.core.generation import CLOSED, Status
from arrivals.core.observation import Finding
from arrivals.core.reconcile import MEETINGS
from arrivals.core.trouble import CONCERNS
from arrivals.flow.measurements import COUNTS, HISTOGRAMS
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.describe import capabilities
from arrivals.web.api.measured_metrics import PREFIX as METRIC_PREFIX
from arrivals.web.api.metric_families import FAMILIES
from tests.support import pins
from tests.support.command_reference import command_reference

ROOT = Path(__file__).resolve().parents[2]


def settings_table():
    """The table of every setting, from the code."""
    sections = []
    for group in Group:
        rows = [setting_row(setting, "") for setting in SETTINGS if setting.group is group]
        if group is Group.PROVIDER:
            rows = [setting_row(setting, "<PROVIDER>_") for setting in PROVIDER_SETTINGS]
            rows += [
                setting_row(setting, f"{provider.upper()}_")
                for provider, module in PROVIDERS.items()
                for setting in provider_settings(module).values()
                if setting not in PROVIDER_SETTINGS
            ]
        sections.append(
            "\n".join([f"**{group}**", "", "| setting | default | meaning |", "| --- | --- | --- |", *rows])
        )
    return "\n\n".join(sections)


def setting_row(setting, owner):
    """The row of a setting in the table."""
    return f"| `{PREFIX}{owner}{setting.name}` | {setting.default or setting.unset} | {setting.words} |"


def providers_table():
    """The table of every provider's routes and the capabilities of each, from the catalog."""
    rows = []
    for name, provider in PROVIDERS.items():
        for route in provider.ROUTES:
            features = capabilities(route)
            models = ", ".join(f"`{model}`" for model in route.models)
            submit = features["submit"] + (f", {features['bulk']} in bulk" if features["bulk"] else "")
            cells = (
                f"[{name}]({route.documentation})",
                route.name,
                models,
                route.kind or "any",
                submit,
                "yes" if route.trust else "-",
                f"`{route.trust}`" if route.trust else "-",
                *("yes" if features[feature] else "-" for feature in ("polls", "streams", "cancels")),
                features["outputs"],
                ", ".join(f"`{param}`" for param in features["preflight"]) or "-",
            )
            rows.append(f"| {' | '.join(cells)} |")
    columns = (
        "provider",
        "route",
        "model",
        "kind",
        "submit",
        "webhook",
        "trust",
        "poll",
        "stream",
        "cancel",
        "outputs",
        "preflight",
    )
    return "\n".join([f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *rows])


def state_diagram():
    """The machine's table as a diagram."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> pending"]
    for current, row in MEETINGS.items():
        for reported, finding in row.items():
            if finding is Finding.ADVANCED:
                late = ": late" if current is Status.EXPIRED else ""
                lines.append(f"    {current} --> {reported}{late}")
    lines += [f"    {status} --> [*]" for status in Status if status in CLOSED]
    return "\n".join([*lines, "```"])


def answers_table():
    """The table of answers to an order, from the code."""
    rows = [
        f"| {status}{'' if status % 100 else f' and every other {status // 100}xx'} | {meant} | {why} |"
        for status, (meant, why) in ANSWERS.items()
    ]
    return "\n".join(["| HTTP status | meaning | reason |", "| --- | --- | --- |", *rows])


def trouble_table():
    """The table of scopes of a refused poll, from the code."""
    rows = [f"| `{code}` | {concern} | {why} |" for code, (concern, why) in CONCERNS.items()]
    return "\n".join(["| code | concerns | because |", "| --- | --- | --- |", *rows])


def metrics_table():
    """The table of every metric, from the code."""
    kinds: list = [(family, "counter" if family.name.endswith("_total") else "gauge") for family in FAMILIES]
    kinds += [(count, "counter") for count in COUNTS]
    kinds += [(durations, "histogram") for durations in HISTOGRAMS]
    rows = [
        f"| `{METRIC_PREFIX}{metric.name}` | {kind} | {', '.join(metric.labels) or '-'} | {metric.help} |"
        for metric, kind in kinds
    ]
    return "\n".join(["| metric | kind | labels | counts |", "| --- | --- | --- | --- |", *rows])


# (file, marker, function that renders the text between the markers)
SECTIONS = (
    ("docs/cli.md", "commands", command_reference),
    ("docs/operating.md", "settings", settings_table),
    ("docs/operating.md", "metrics", metrics_table),
    ("docs/providers.md", "providers", providers_table),
    ("docs/ordering.md", "answers", answers_table),
    ("service/README.md", "trouble", trouble_table),
    ("service/README.md", "states", state_diagram),
)


def marked(marker, text):
    """The text between its markers."""
    return f"<!-- {marker}: made by python -m tests.support.generated -->\n{text}\n<!-- /{marker} -->"


def regenerated(path, marker, render):
    """The file's text with the section rendered anew."""
    text = (ROOT / path).read_text()
    between = re.compile(rf"<!-- {marker}: .*?<!-- /{marker} -->", re.DOTALL)
    return between.sub(lambda _: marked(marker, render()), text)


if __name__ == "__main__":
    for path, marker, render in SECTIONS:
        (ROOT / path).write_text(regenerated(path, marker, render))
    (ROOT / pins.PATH).write_text(pins.sorted_pins((ROOT / pins.PATH).read_text()))
