"""Others' linters and generators accept our OpenAPI document. Needs node, npm and the registries of packages.

The generated clients are compiled, and run the walk of docs/ordering.md and docs/consuming.md.
"""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(400)  # the first test of each language installs its tools

WALKS = Path(__file__).parent / "walks"
STRICT = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--outDir", "made"]


def ran(command, folder, **variables):
    """The output of a command, if it succeeded."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert 0 == done.returncode, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout


def test_redocly_has_nothing_to_say_with_its_recommended_rules(npm):
    command = ["node_modules/.bin/redocly", "lint", "--extends", "recommended", "--format", "json", "openapi.json"]

    report = json.loads(ran(command, npm))

    assert {"errors": 0, "warnings": 0, "ignored": 0} == report["totals"]


def test_spectral_has_nothing_to_say_with_its_rules_for_openapi(npm):
    (npm / "rules.json").write_text('{"extends": ["spectral:oas"]}')
    command = ["node_modules/.bin/spectral", "lint", "--ruleset", "rules.json", "--format", "json", "--quiet"]

    report = json.loads(ran([*command, "--fail-severity", "hint", "openapi.json"], npm))

    assert [] == report


def test_a_strict_client_of_openapi_typescript_compiles_and_runs_the_walk(npm, whole):
    ran(["node_modules/.bin/openapi-typescript", "openapi.json", "--output", "schema.ts"], npm)
    shutil.copy(WALKS / "walk.ts", npm)

    ran(["node_modules/.bin/tsc", *STRICT, "walk.ts"], npm)

    assert "walked\n" == ran(["node", "made/walk.js"], npm, **whole)


def test_a_client_of_openapi_python_client_leaves_nothing_out_and_runs_the_walk(npm, python, whole, hook, tmp_path):
    tools = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # it formats what it makes with what it finds there
    generate = ["openapi-python-client", "generate", "--path", npm / "openapi.json", "--fail-on-warning"]
    ran([python.parent / generate[0], *generate[1:]], tmp_path, PATH=tools)
    made = tmp_path / "arrivals-client"

    checked(python, WALKS / "with_client.py", made)

    assert "walked\n" == ran([python, WALKS / "with_client.py", hook.url], made, PYTHONPATH=str(made), **whole)


def test_the_models_of_datamodel_code_generator_read_every_answer_of_the_walk(npm, python, whole, hook, tmp_path):
    options = [
        "--input-file-type",
        "openapi",
        "--output-model-type",
        "pydantic_v2.BaseModel",
        "--formatters",
        "builtin",
        "--use-annotated",
    ]
    generate = [python.parent / "datamodel-codegen", "--input", npm / "openapi.json", *options]
    ran([*generate, "--output", tmp_path / "arrivals_models.py"], tmp_path)

    checked(python, WALKS / "with_models.py", tmp_path)

    assert "walked\n" == ran([python, WALKS / "with_models.py", hook.url], tmp_path, PYTHONPATH=str(tmp_path), **whole)


def checked(python, walk, made):
    """Checks the types of a walk against those of what was made."""
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--python-executable", python, walk]
    ran(command, made, MYPYPATH=str(made), MYPY_CACHE_DIR=str(made / "cache"))
