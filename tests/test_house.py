"""The rules of the house that no other tool knows."""

import ast
import re

import pytest

from arrivals.config.declarations import BY_NAME, PREFIX
from arrivals.core.generation import Status
from arrivals.core.reconcile import MEETINGS
from arrivals.providers.catalog import PROVIDERS
from tests.support.fixtures import FIXTURES, ROOT
from tests.support.generated import SECTIONS, regenerated
from tests.support.markdown import dead_links, documents, rows

MAX_FILE_LINES = 300
MAX_README_LINES = 150
TABLE = re.compile(r"(?!HOSTS)[A-Z_]+: Mapping\[|BUDGET = |LIMITS\b")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
SOURCES = sorted((ROOT / "service/arrivals").rglob("*.py"))
# The benchmarks fill and count the database from outside, without the store; one module of theirs holds that SQL.
KNOW_SQL = [ROOT / "service/arrivals/lab/bench/database.py"]
DOCUMENTS = documents()
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Measured once, by the benchmarks and by the torture, and to be updated in one place.
MEASURED = [ROOT / "docs/performance.md", ROOT / "docs/crash-proofs.md"]
FIGURE = re.compile(r"\b\d{1,3}(?:,\d{3})+\b(?<!00)|(?<![\d,])\d{3,}(?=(?: \w+)?/s)")
NUMBER = re.compile(r"(?<![\d,.])\d[\d,]*\b")
PURE = [path for path in SOURCES if path.relative_to(ROOT).parts[2] in ("core", "providers")]


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_one_idea(path):
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_assertion_and_nothing_unfinished_stands_in_the_service(path):
    text = path.read_text()

    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]
    assert not re.search(r"TODO|FIXME|XXX|NotImplementedError|pragma: no cover", text)


@pytest.mark.parametrize("path", PURE, ids=name)
def test_the_pure_rooms_read_no_clock(path):
    assert not re.search(r"\b(now|utcnow|today)\(", path.read_text())


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if "store" not in path.parts and path not in KNOW_SQL], ids=name
)
def test_no_sql_stands_outside_the_store(path):
    assert not re.search(r"\b(SELECT|INSERT INTO|DELETE FROM)\b", path.read_text())


def test_the_table_of_the_machine_is_total():
    assert {current: set(Status) for current in Status} == {current: set(row) for current, row in MEETINGS.items()}


def test_catalog_modules_and_fixtures_agree():
    rooms = {path.name for path in (ROOT / "service/arrivals/providers").iterdir() if path.is_dir()} - {"__pycache__"}
    modules = {path.stem for path in (ROOT / "service/arrivals/providers").glob("*.py")} | rooms
    shared = {"__init__", "_shared", "catalog", "contract", "describe"}
    folders = {path.name for path in FIXTURES.iterdir() if path.is_dir()}

    assert set(PROVIDERS) == modules - shared
    assert set(PROVIDERS) == folders - {"flows", "seeds"}
    assert [*PROVIDERS] == sorted(PROVIDERS)
    assert all(provider.NAME == key for key, provider in PROVIDERS.items())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_mapping_table_has_its_source_above_it(provider):
    tables = []
    for path in PURE:
        if provider in (path.stem, path.parent.name):
            lines = path.read_text().splitlines()
            numbers = [number for number, line in enumerate(lines) if TABLE.match(line)]
            tables += [(lines[number], "\n".join(lines[max(0, number - 4) : number])) for number in numbers]

    assert tables
    assert [] == [table for table, above in tables if "https://" not in above]


@pytest.mark.parametrize(("path", "marker", "render"), SECTIONS, ids=[marker for _, marker, _ in SECTIONS])
def test_what_is_made_from_the_code_is_fresh(path, marker, render):
    """If not: python -m tests.support.generated."""
    text = (ROOT / path).read_text()

    assert f"<!-- {marker}: " in text
    assert regenerated(path, marker, render) == text


def test_every_setting_that_a_document_or_the_demo_names_exists():
    sources = [*DOCUMENTS, ROOT / "service/arrivals/lab/demo/demo.py"]
    named = {setting for path in sources for setting in re.findall(rf"{PREFIX}([A-Z_]+)", path.read_text())}
    providers = {f"{provider.upper()}_" for provider in PROVIDERS} | {""}

    unknown = {
        setting
        for setting in named
        if setting not in BY_NAME and not any(prefix and setting.startswith(prefix) for prefix in providers)
    }
    assert not unknown - {"_", "", "KEEP_"}


def test_every_room_has_its_paragraph():
    text = (ROOT / "service/README.md").read_text()
    rooms = {
        path.name for path in (ROOT / "service/arrivals").iterdir() if path.is_dir() and path.name != "__pycache__"
    }

    assert not {room for room in rooms if f"**{room}/**" not in text}


def test_every_limit_that_is_documented_has_its_test():
    """In `## At its limits`, the last column of each row."""
    section = (ROOT / "docs/operating.md").read_text().partition("\n## At its limits")[2].partition("\n## ")[0]
    named = [re.findall(r"`(test_\w+)`", row.strip("| ").split(" | ")[-1]) for row in rows(section)]

    assert len(named) >= 38
    assert all(named)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_test_that_a_document_names_exists(path):
    tests = [*(ROOT / "tests").rglob("test_*.py")]
    defined = {test_name for test in tests for test_name in DEFINED.findall(test.read_text())}

    assert set(re.findall(r"`(test_\w+)`", path.read_text())) <= defined


def test_every_file_that_the_map_of_the_tests_names_exists():
    folder = ROOT / "tests"
    named = re.findall(r"`((?:\w+/)*test_\w+\.py)`", (folder / "README.md").read_text())

    assert named
    assert [] == [path for path in named if not any((folder / place / path).exists() for place in ("", "attack"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_no_link_is_dead(path):
    assert [] == dead_links(path)


def test_the_readme_is_a_front_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_every_guide_is_on_the_map_of_the_readme():
    text = (ROOT / "README.md").read_text()

    assert [] == [name(path) for path in GUIDES[1:] if f"({name(path)})" not in text]


def test_no_measured_figure_stands_in_two_documents():
    """Rates and counts of the tables, by their digits: round ones are sizes that were chosen, not measured."""
    for measured in MEASURED:
        figures = {figure for row in rows(measured.read_text()) for figure in FIGURE.findall(row)}
        assert figures
        for other in DOCUMENTS:
            numbers = set(NUMBER.findall(other.read_text())) if other != measured else set()
            assert (name(other), numbers & figures) == (name(other), set())


def test_no_row_of_a_table_stands_in_two_documents():
    seen = {}
    for path in DOCUMENTS:
        for row in set(rows(path.read_text())):
            if re.search(r"\d", row):
                assert seen.setdefault(row, path) == path, row


def test_no_test_waits_for_all_tasks_to_be_blocked():
    """Beside a statement on PostgreSQL, whose wait wakes as often as it looks, that may never return."""
    forbidden = "wait_all_tasks" + "_blocked"

    assert not [name(path) for path in (ROOT / "tests").rglob("*.py") if forbidden in path.read_text()]


def test_no_test_is_skipped():
    """No test skips for something missing: a test that needs more than Python stands in `tests/outside`."""
    skips = re.compile(r"\b(?:pytest\.|mark\.)(?:skip|skipif|importorskip|xfail)\b")

    assert not [name(path) for path in (ROOT / "tests").rglob("*.py") if skips.search(path.read_text())]


# Words that stood for everything; prose may use them.
RETIRED = frozenset({"asked", "found", "given", "known", "one", "told"})
# The private dialect of earlier days; the glossary in service/README.md has the field's words.
DIALECT = frozenset({"bell", "desk", "dice", "doorstep", "glance", "halved", "messenger"})


def identifiers(tree):
    """Every name that the code gives to something, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_retired_words_name_nothing(path):
    """Words that stand for everything say nothing; the glossary in service/README.md has the words that we use."""
    words = {(word, line) for word, line in identifiers(ast.parse(path.read_text()))}

    assert [] == sorted((line, word) for word, line in words if word.strip("_").lower() in RETIRED | DIALECT)


FLOW_ALONE = [path for path in SOURCES if not {"flow", "engine", "lab"} & set(path.parts)]


@pytest.mark.parametrize("path", FLOW_ALONE, ids=name)
def test_only_the_flow_opens_writing_transactions(path):
    assert ".transaction()" not in path.read_text()


def test_the_wheel_holds_the_package_and_its_marker():
    """Typed, and under its own name beside whatever folders an application has."""
    assert (ROOT / "service/arrivals/py.typed").is_file()
    assert 'packages = ["service/arrivals"]' in (ROOT / "pyproject.toml").read_text()
