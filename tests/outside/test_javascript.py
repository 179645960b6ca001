"""What others' programs in JavaScript make of our deliveries. Needs node, npm and their registry."""

import json
import subprocess

import anyio
import pytest

from arrivals.core.standard_webhooks import make_secret
from tests.flow.delivery import test_rotation
from tests.flow.delivery.test_rotation import DAY_S, NEW, OLD, PRIVATE_KEY

clock, delivered, subscribed = test_rotation.clock, test_rotation.delivered, test_rotation.subscribed

VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secrets, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verifies = (secret, text) => {
  try { return new Webhook(secret).verify(text, headers).type === "ping"; } catch { return false; }
};
console.log(JSON.stringify([...secrets.map((secret) => verifies(secret, body)), verifies(secrets[0], body + " ")]));
"""


@pytest.fixture(scope="module")
def javascript(tmp_path_factory):
    """A folder with the public npm package."""
    folder = tmp_path_factory.mktemp("javascript")
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        folder,
        "standardwebhooks@1",
    ]
    subprocess.run(command, timeout=120, check=True)
    return folder


@pytest.mark.timeout(180)
async def test_a_delivery_verifies_with_the_npm_package(javascript, clock, delivered):
    request = await delivered(
        secret=NEW, previous_secret=OLD, previous_until=clock.at + DAY_S * 1_000_000, private_key=PRIVATE_KEY
    )
    stranger = make_secret(bytes(32))
    payload = {"secrets": [NEW, OLD, stranger], "body": request.body.decode(), "headers": request.headers}

    node = ["node", "-e", VERIFY]
    answer = await anyio.run_process(node, cwd=javascript, input=json.dumps(payload).encode(), check=False)

    assert [True, True, False, False] == json.loads(answer.stdout or b"null"), answer.stderr
