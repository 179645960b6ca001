"""No key, token, secret or body comes out anywhere but where it may, at any level, in crash reports neither.

A service of its own lives through everything: webhooks good, forged and unreadable, polls that fail, deliveries that
fail, errors, crashes, replay, export. `canaries.py` says what may be seen where; all that came out is searched for it.
"""

import asyncio
import json
import os
import subprocess
import sys
from urllib.parse import quote

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.processes import Process, free_port
from tests.attack import canaries
from tests.attack.canaries import CANARIES, PLANTED, leaks
from tests.cli.conftest import environment
from tests.support.serving import served

pytestmark = pytest.mark.timeout(90)

ACCOUNT = "EACHLABS"
ORDERS = ("webhook", "failure", "crash")


class World:
    """The provider and a subscriber: the requests that they received, and their answers."""

    def __init__(self):
        self.url = ""  # known when it is served
        self.to_provider, self.to_subscriber = [], []
        self.webhook_urls, self.signatures = {}, []
        self.ordered, self.redelivered, self.crash_asked = anyio.Event(), anyio.Event(), anyio.Event()

    async def provider(self, request):
        """The provider; it recognises an order by the last word of its prompt."""
        body = await request.body()
        self.to_provider.append(f"{request.url} {dict(request.headers)} {body.decode()}")
        if request.method == "POST":
            order = json.loads(body)
            name = order["input"]["prompt"].split()[-1]
            self.webhook_urls[name] = order["webhook_url"]
            if len(self.webhook_urls) == len(ORDERS):
                self.ordered.set()
            return Response(json.dumps({"status": "success", "predictionID": f"el-{name}"}))
        name = request.url.path.rpartition("-")[2]
        if name == "webhook":
            return Response(f"<html>{PLANTED['body of a poll that nobody reads']}", 500)
        if name == "crash":
            self.crash_asked.set()
            return Response(json.dumps({"id": "crash", "status": PLANTED["what crashes a worker"]}))
        secrets = [self.webhook_urls[name], PLANTED["webhook secret"], PLANTED["provider's key"]]
        repeated = " ".join(
            [
                *secrets,
                *(secret.replace("/", "\\/") for secret in secrets),
                *(quote(secret, safe="") for secret in secrets),
            ]
        )
        words = PLANTED["provider's words of a failure"] + f": {repeated} ."
        output = {"error": words, "error_code": "INPUT_VALIDATION_ERROR"}
        return Response(json.dumps({"id": f"el-{name}", "status": "error", "output": output}))

    async def subscriber(self, request):
        """Fails once, and says something about it."""
        self.to_subscriber.append(f"{dict(request.headers)} {(await request.body()).decode()}")
        if len(self.to_subscriber) == 1:
            signature = request.headers["webhook-signature"]
            self.signatures = [value.partition(",")[2] for value in signature.split(" ")]
            return Response(f"{PLANTED['answer of a subscriber']} {signature}", 500)
        if len(self.to_subscriber) > 2:
            self.redelivered.set()
        return Response(status_code=204)

    async def output(self, _request):
        """A picture."""
        return Response(PLANTED["bytes of an output"], media_type="image/png")

    @property
    def app(self):
        """The ASGI application of all of them."""
        return Starlette(
            routes=[
                Route("/hook", self.subscriber, methods=["POST"]),
                Route("/output.png", self.output),
                Route("/{path:path}", self.provider, methods=["GET", "POST"]),
            ]
        )


@pytest.fixture
async def world():
    peers = World()
    async with served(lambda _: peers.app) as port:
        peers.url = f"http://127.0.0.1:{port}"
        yield peers


@pytest.fixture
def settings(world, tmp_path):
    port = free_port()
    return {
        "DATABASE": tmp_path / "arrivals.db",
        "PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "API_KEY": PLANTED["API key of the settings"],
        "SECRET_KEYS": PLANTED["signing key"],
        "ALLOW_DESTINATIONS": "127.0.0.0/8",
        f"{ACCOUNT}_API_KEY": PLANTED["provider's key"],
        f"{ACCOUNT}_BASE_URL": world.url,
        f"{ACCOUNT}_WEBHOOK_SECRET": PLANTED["webhook secret"],
        f"{ACCOUNT}__TEAM_B_API_KEY": PLANTED["provider's other key"],
        f"{ACCOUNT}__TEAM_B_BASE_URL": world.url,
        "POLL_FIRST_S": 0.1,
        "RETRY_SCHEDULE_S": "0,0.1,0.1",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",  # in the other, secrets are quoted otherwise: tests/test_logs.py
    }


class Life:
    """A client that keeps everything it receives, by the place where it came out."""

    def __init__(self, client):
        self._client, self.seen = client, []

    def saw(self, surface, text):
        """Keep what came out there."""
        self.seen.append((surface, text))

    async def ask(self, method, path, surface=canaries.ANSWERS, **options):
        """The JSON of an answer."""
        answer = await self._client.request(method, path, **options)
        self.saw(canaries.ERRORS if answer.status_code >= 400 else surface, f"{answer.headers} {answer.text}")
        return answer.json() if "json" in answer.headers.get("content-type", "") else None


async def test_nothing_secret_comes_out_anywhere(world, settings, tmp_path):
    process = Process("serve", ["tests.attack.crashing", "serve"], environment(**settings), tmp_path)
    url = f"http://127.0.0.1:{settings['PORT']}"
    await asyncio.to_thread(process.start, f"{url}/health/ready")
    headers = {"authorization": f"Bearer {PLANTED['API key of the settings']}"}
    made = {}
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20) as client:
            life = Life(client)
            await lived(life, world, made)
            await commanded(life, settings, tmp_path)
    finally:
        await asyncio.to_thread(process.stop)
    life.saw(canaries.LOG, process.output.read_text())
    for sent in world.to_provider:
        life.saw(canaries.PROVIDER, sent)
    for sent in world.to_subscriber:
        life.saw(canaries.DELIVERIES, sent)

    log = process.output.read_text()
    leaked = {(surface, leak) for surface, text in life.seen for leak in leaks(surface, text, made)}
    assert set() == leaked
    # What may be seen somewhere was seen: the places were really looked at.
    everywhere = {surface: "\n".join(text for where, text in life.seen if where == surface) for surface, _ in life.seen}
    for name, (text, places) in CANARIES.items():
        assert all(text in everywhere[place] for place in places if place != canaries.EXPORT), name
    for word in (
        "job_failed",
        "request_failed",
        "webhook_unverified",
        "RuntimeError",
        "KeyError",
        "crashing.py",
    ):
        assert word in log, word


async def lived(life, world, made):
    """Everything that can happen to a generation, a webhook, a delivery and a request."""
    shown = await life.ask(
        "POST", "/v1/subscribers", canaries.MADE,
        json={"url": f"{world.url}/hook?key={PLANTED['query of a subscriber URL']}", "signatures": ["v1a"]},
    )  # fmt: skip
    subscriber = shown["id"]
    made["subscriber's secret"] = (shown["secret"], {canaries.MADE})
    rotated = await life.ask("POST", f"/v1/subscribers/{subscriber}/rotate-secret", canaries.MADE)
    made["subscriber's new secret"] = (rotated["secret"], {canaries.MADE})

    ids = {}
    for name in ORDERS:
        order = {
            "provider": "eachlabs", "model": "flux-1-1-pro", "input": {"prompt": f"{PLANTED['prompt']} {name}"},
            "metadata": {"mine": PLANTED["metadata"]},
        }  # fmt: skip
        key = {"idempotency-key": f"{PLANTED['idempotency key']}-{name}"}
        ids[name] = (await life.ask("POST", "/v1/generations", json=order, headers=key))["id"]
    with anyio.fail_after(20):
        await world.ordered.wait()
    for name, callback in world.webhook_urls.items():
        made[f"token of {name}"] = (callback.rpartition("/")[2], {canaries.PROVIDER})

    assert "failed" == (await life.ask("GET", f"/v1/generations/{ids['failure']}?wait=20"))["status"]
    await called(life, world)
    assert "completed" == (await life.ask("GET", f"/v1/generations/{ids['webhook']}?wait=20"))["status"]
    with anyio.fail_after(20):
        await world.redelivered.wait()
        await world.crash_asked.wait()
    for number, signature in enumerate(world.signatures):
        made[f"signature {number}"] = (signature, {canaries.DELIVERIES})
    await looked_at(life, ids, subscriber)


async def called(life, world):
    """The provider's webhooks, and what comes in its name."""
    path = world.webhook_urls["webhook"]
    body = {
        "exec_id": "el-webhook", "status": "succeeded", "output": [f"{world.url}/output.png"], "error": "",
        "callback": path, "extra": PLANTED["body of a webhook"],
    }  # fmt: skip
    forged = {**body, "extra": PLANTED["body of a forged webhook"]}
    guess = {"x-webhook-secret": PLANTED["secret that a forger guessed"]}
    right = {
        "x-webhook-secret": PLANTED["webhook secret"],
        "cookie": f"session={PLANTED['cookie of whoever passed a webhook on']}",
        "authorization": "",
    }
    body["escaped"] = path.replace("/", "\\/") + quote(path, safe="")
    right["x-repeated"] = path + " " + PLANTED["provider's key"]
    await life.ask("POST", path, json=forged, headers=guess)
    await life.ask("POST", path, json=forged, headers={"authorization": f"Bearer {guess['x-webhook-secret']}"})
    await life.ask("POST", path + "x", json=body, headers=right)
    await life.ask("POST", path, content=b"{not JSON " + json.dumps(body).encode(), headers=right)
    await life.ask("POST", path, json=body, headers=right)


async def looked_at(life, ids, subscriber):
    """Every read of the API, and every wrong request."""
    for path in ("generations", "events", "webhooks", "subscribers", "replays", "providers"):
        await life.ask("GET", f"/v1/{path}")
    for name in ("webhook", "failure"):
        await life.ask("GET", f"/v1/generations/{ids[name]}/timeline")
    await life.ask("GET", f"/v1/subscribers/{subscriber}", canaries.SUBSCRIBER_SHOWN)
    for webhook in (await life.ask("GET", "/v1/webhooks"))["data"]:
        await life.ask("GET", f"/v1/webhooks/{webhook['id']}", canaries.SHOWN_WEBHOOK)
    for delivery in (await life.ask("GET", f"/v1/subscribers/{subscriber}/deliveries"))["data"]:
        await life.ask("GET", f"/v1/deliveries/{delivery['id']}", canaries.SHOWN_DELIVERY)
    first = (await life.ask("GET", "/v1/webhooks?verified=true"))["data"][-1]["id"]
    await life.ask("POST", f"/v1/webhooks/{first}/replay", json={})
    await life.ask("POST", "/v1/replays", json={"kind": "quarantine"})
    await life.ask("GET", "/metrics", canaries.METRICS)
    await life.ask("GET", "/openapi.json", canaries.DOCUMENT)
    output = await life._client.get(f"/v1/generations/{ids['webhook']}/outputs/0")
    assert PLANTED["bytes of an output"] == output.text

    for headers in (
        {"authorization": f"Bearer {PLANTED['API key that is wrong']}"},
        {"authorization": f"Basic {PLANTED['API key that is wrong']}"},
    ):
        await life.ask("GET", "/v1/generations", headers=headers)
    await life.ask("POST", "/v1/generations", content=json.dumps({"input": PLANTED["prompt"], "provider": 5}))
    await life.ask("POST", "/v1/generations", content=PLANTED["prompt"])
    await life.ask("GET", f"/v1/events?{PLANTED['query of a request']}=1")
    await life.ask("GET", "/v1/generations/crash/timeline")
    await life.ask("POST", f"/callbacks/eachlabs/{PLANTED['prompt']}", json={})


async def commanded(life, settings, tmp_path):
    """The commands that people run beside the service."""
    exported = (await life.ask("GET", "/v1/webhooks?verified=true"))["data"][0]["id"]
    ended = {
        generation["status"]: generation["id"] for generation in (await life.ask("GET", "/v1/generations"))["data"]
    }
    commands_by_surface = {
        canaries.COMMANDS: [
            ["doctor"],
            ["show", ended["completed"]],
            ["show", ended["completed"], "--timeline"],
            ["list", "--json"],
        ],
        canaries.EXPORT: [["webhooks", "export", exported, "--to", tmp_path / "export"]],
    }
    for surface, commands in commands_by_surface.items():
        for command in commands:
            ran = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "arrivals", *map(str, command)],
                env={**environment(**settings), "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "")},
                cwd=tmp_path, capture_output=True, text=True, check=False,
            )  # fmt: skip
            life.saw(surface, ran.stdout + ran.stderr)
    for path in (tmp_path / "export").iterdir():
        life.saw(canaries.EXPORT, path.read_text())
