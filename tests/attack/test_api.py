"""Schemathesis against the real service: our OpenAPI document is true for requests that it allows and for any other."""

import json
import os
from pathlib import Path
import subprocess
import sys

import pytest

from arrivals.web.app import DOCUMENT
from tests.attack.conftest import KEY
from tests.cli.conftest import ROOT

pytestmark = pytest.mark.timeout(1200 if "ATTACK_EXAMPLES" in os.environ else 120)

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
# A stream has no end that could be waited for; its requests are in tests/web/test_event_stream.py.
ENDLESS = ("/v1/events/stream", "/v1/changes")
# What no schema can say: that an account, a model or a subscriber is there, what a model's provider refuses, where a
# URL may lead, which filters belong together. These may be refused though they look right.
JUDGED = {
    "POST /v1/generations", "POST /v1/generations/bulk", "POST /v1/subscribers", "PATCH /v1/subscribers/{id}",
    "POST /v1/replays", "POST /v1/subscribers/{id}/recover",
}  # fmt: skip
FINE = ["2xx", "401", "403", "404", "409", "416"]
# More of them, and others: ATTACK_EXAMPLES=200 ATTACK_SEED=1 ./dev test tests/attack/test_api.py -s
# ATTACK_DATABASE=postgresql: with every right on PostgreSQL too.
WHERE = "service_on_postgres" if os.environ.get("ATTACK_DATABASE") == "postgresql" else "service"
EXAMPLES, SEED = int(os.environ.get("ATTACK_EXAMPLES", "3")), int(os.environ.get("ATTACK_SEED", "20261121"))


def configuration(ids):
    """Ids that are there, waits that end at once, and what no schema can say."""
    yield 'hooks = "tests.attack.short_waits"'
    yield f"[checks.positive_data_acceptance]\nexpected-statuses = {json.dumps(FINE)}"
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            locations = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
            parameters = {}
            if "id" in locations:
                parameters["path.id"] = ids[path.split("/")[2]]
            if "index" in locations:
                parameters["path.index"] = 0
            if "Prefer" in locations:
                parameters["header.Prefer"] = "wait=0"
            lines = []
            if parameters:
                settings = ", ".join(f'"{where}" = {json.dumps(value)}' for where, value in parameters.items())
                lines.append(f"parameters = {{ {settings} }}")
            if name in JUDGED:
                lines.append(f"checks.positive_data_acceptance.expected-statuses = {json.dumps([*FINE, '422'])}")
            if lines:
                yield "\n".join([f'[[operations]]\ninclude-name = "{name}"', *lines])


@pytest.mark.parametrize(
    ("scope", "phases", "where"),
    [("admin", "coverage,fuzzing", WHERE), ("read", "fuzzing", "service_on_postgres")],
    ids=["admin", "read"],
)
def test_the_document_is_true(request, tmp_path, scope, phases, where):
    """Who may do everything tries every way to be wrong; the others must meet 403 and nothing else."""
    service = request.getfixturevalue(where)
    used = KEY if scope == "admin" else service.made_key(scope)
    examples = EXAMPLES if scope == "admin" else max(1, EXAMPLES // 3)
    content = "\n\n".join(configuration(service.ids))
    (tmp_path / "schemathesis.toml").write_text(content)
    command = [
        str(SCHEMATHESIS), "--config-file", "schemathesis.toml", "run", f"{service.url}/openapi.json",
        "--header", f"Authorization: Bearer {used}", "--checks", "all",
            *(word for path in ENDLESS for word in ("--exclude-path", path)),
        "--max-examples", str(examples), "--seed", str(SEED), "--phases", phases, "--continue-on-failure",
        "--generation-database", "none", "--request-timeout", "10", "--no-color", "--warnings", "off",
    ]  # fmt: skip

    hooks = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, env=hooks, capture_output=True, text=True, check=False)

    print(*[line.strip() for line in ran.stdout.splitlines() if "generated" in line])
    assert 0 == ran.returncode, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "Traceback" not in service.log()
