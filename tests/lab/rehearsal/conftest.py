"""The rehearsal and a receiver of webhooks, each a real server on loopback, in the test's own event loop."""

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from arrivals.lab.rehearsal.app import make_app
from arrivals.lab.rehearsal.state import Tempo
from tests.support.serving import served

MAX_BYTES = 1024 * 1024
SECRET = "s3cret-of-the-test"
VENDORS: dict[str, tuple[str, dict[str, Any]]] = {
    "videos": ("wan2.6-t2v", {}),
    "sora": ("sora-2", {"seconds": "4"}),
    "veo": ("veo-3.1-generate-preview", {"seconds": 8}),
    "seedance": ("doubao-seedance-1-5-pro", {"duration": 5}),
    "dashscope": ("happyhorse-1", {}),
    "kling": ("kling-v2-6", {"image_list": []}),
}
# LaoZhang's `/v1/videos`: the fields that choose the route, and whether they come as a form
FORWARDS = {
    "sora-forward": ({"model": "sora-2", "seconds": "8"}, True),
    "veo-forward": ({"model": "veo-3.1-generate-preview"}, True),
    "seedance": ({"model": "doubao-seedance-2-0-260128"}, False),
    "sora-reverse": ({"model": "sora-2"}, False),
    "veo-reverse": ({"model": "veo-3.1"}, False),
}
# RunBlob's families: the field with the job's id, the field with its output
FAMILIES = {
    "kling/o3-photo": ("generation_id", "image_url"),
    "gemini": ("task_uuid", "result_image_url"),
    "kling/o1-photo": ("generation_id", "image_url"),
    "kling/o1-video": ("generation_id", "video_url"),
    "kling/o3-video": ("generation_id", "video_url"),
    "kling": ("generation_id", "video_url"),
    "veo": ("generation_id", "video_url"),
    "sora": ("generation_id", "video_url"),
    "chatgpt-images": ("task_uuid", "result_image_url"),
    "seedance": ("task_uuid", "output"),
}
IDS: dict[str | tuple[str, str], Callable[..., str]] = {
    **{("laozhang", name): lambda body: body["id"] for name in FORWARDS},
    **{("runblob", name): lambda body, field=field: body[field] for name, (field, _) in FAMILIES.items()},
    ("runblob", "legacy/veo"): lambda body: body["task_id"],
    **{("aihubmix", vendor): lambda body: body["id"] for vendor in VENDORS},
    ("eachlabs", "workflows"): lambda body: body["execution_id"],
    ("vtrix", "kirin"): lambda body: body["id"],
    ("seacloud", "queue"): lambda body: body["request_id"],
    "legacy": lambda body: body["data"]["taskId"],
    "predictions": lambda body: body["predictionID"],
    "flat": lambda body: body["id"],
    "enveloped": lambda body: body["data"]["id"],
}
POLLS = {
    ("laozhang", "legacy"): "/laozhang/veo/v1/api/video/status/{}",
    **{("laozhang", name): "/laozhang/v1/videos/{}" for name in FORWARDS},
    **{("runblob", name): f"/runblob/v1/{name}/generations/{{}}" for name in FAMILIES},
    ("runblob", "legacy/veo"): "/runblob/api/veo/status/{}",
    **{("aihubmix", vendor): "/aihubmix/v1/videos/{}" for vendor in VENDORS},
    ("eachlabs", "predictions"): "/eachlabs/v1/prediction/{}",
    ("eachlabs", "workflows"): "/eachlabs/v1/workflows/executions/{}",
    ("vtrix", "kirin"): "/vtrix/model/v1/generation/task/{}",
    ("seacloud", "queue"): "/seacloud/model/v1/queue/nano_banana_2/requests/{}/status",
    ("vtrix", "flat"): "/vtrix/model/v1/generation/task/{}",
    ("vtrix", "enveloped"): "/vtrix/api/v1/multi-models-generate/{}",
}


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self):
        self.at = 1_790_000_000.0

    def __call__(self):
        """The moment, in unix seconds."""
        return self.at


class Receiver:
    """A receiver that keeps every webhook; it answers 200, or the next status in `answers`."""

    def __init__(self):
        self.origin = ""
        self.received = []
        self.answers = []
        self.changed = anyio.Event()

    @property
    def url(self):
        """The URL that is answered with 2xx; every other path is not found."""
        return f"{self.origin}/callbacks/token-abcdefgh"

    async def take(self, request):
        """Takes a webhook; a huge body is refused unread."""
        if int(request.headers.get("content-length", 0)) > MAX_BYTES:
            self._note(request, b"")
            return Response(status_code=413)
        self._note(request, await request.body())
        if not request.url.path.endswith("/token-abcdefgh"):
            return Response(status_code=404)
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def _note(self, request, body):
        self.received.append((request.url.path, request.headers, body))
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, count):
        """Waits for this number of webhooks and returns all of them."""
        with anyio.fail_after(1.5):
            while len(self.received) < count:
                await self.changed.wait()
        return self.received


@pytest.fixture
async def receiver():
    callback_receiver = Receiver()
    async with served(
        lambda _: Starlette(routes=[Route("/{path:path}", callback_receiver.take, methods=["POST"])])
    ) as port:
        callback_receiver.origin = f"http://127.0.0.1:{port}"
        yield callback_receiver


class Rehearsal:
    """A client of the rehearsal, which places orders, polls and reads the record."""

    def __init__(self, client, clock):
        self.client = client
        self.clock = clock

    async def order(self, route, words="ref=one run=0", *, key=None, callback=None, prompt="a red fox", **more):
        """The answer to an order with this directive; `more` overrides fields of its body."""
        provider, name = route
        headers = {"authorization": key or f"Bearer rehearsal-{provider}"}
        text = f"{prompt} [rehearse {words}]"
        if provider == "laozhang" and FORWARDS.get(name, ({}, False))[1]:
            fields = {"prompt": text} | FORWARDS[name][0] | more
            files = {field: value if isinstance(value, tuple) else (None, value) for field, value in fields.items()}
            return await self.client.post("/laozhang/v1/videos", files=files, headers=headers)
        path, body = BODIES[provider](name, text, callback)
        return await self.client.post(path, json=body | more, headers=headers)

    async def accepted(self, route, words="ref=one run=0", **more):
        """The id of an order that was accepted."""
        answer = await self.order(route, words, **more)
        assert answer.is_success, answer.text
        return IDS.get(route, IDS.get(route[1]))(answer.json())

    async def poll(self, route, external_id, *, key=None):
        """The answer to a poll, by the route's own path."""
        headers = {"authorization": key or f"Bearer rehearsal-{route[0]}"}
        return await self.client.get(POLLS[route].format(external_id), headers=headers)

    async def record(self, provider, ref="one"):
        """The record of an order."""
        return (await self.client.get(f"/rehearsal/record/{provider}/{ref}")).json()

    async def recorded(self, provider, ref="one", **webhooks):
        """The record once its webhooks have these counts; one is received before its sender has counted the answer."""
        with anyio.fail_after(1.5):
            while True:
                entry = await self.record(provider, ref)
                if {name: entry["webhooks"][name] for name in webhooks} == webhooks:
                    return entry


def _laozhang(name, text, _callback):
    if name in FORWARDS:
        return "/laozhang/v1/videos", {"prompt": text} | FORWARDS[name][0]
    return "/laozhang/veo/v1/api/video/submit", {"prompt": text, "model": "veo3-fast"}


def _runblob(name, text, callback):
    path = "/runblob/api/veo/generate" if name == "legacy/veo" else f"/runblob/v1/{name}/generate"
    return path, {"prompt": text, "callback_url": callback}


def _eachlabs(name, text, callback):
    called = {"webhook_url": callback, "webhook_secret": SECRET}
    if name == "workflows":
        return "/eachlabs/v1/workflows/trigger/wf-one/v1", {"inputs": {"prompt": text}, **called}
    if name == "sense":
        return "/eachlabs-sense/v1/chat/completions", {"messages": [{"role": "user", "content": text}]}
    return "/eachlabs/v1/prediction", {"model": "flux-1-1-pro", "input": {"prompt": text}, **called}


def _seacloud(_name, text, _callback):
    return "/seacloud/model/v1/queue/nano_banana_2", {"prompt": text}


def _aihubmix(name, text, _callback):
    if name == "predictions":
        return "/aihubmix/v1/models/openai/gpt-image-1/predictions", {"input": {"prompt": text, "n": 2}}
    if name == "images":
        return "/aihubmix/v1/images/generations", {"model": "gpt-image-1", "prompt": text, "n": 2}
    model, more = VENDORS[name]
    fields = {"input": {"prompt": text}} if name == "dashscope" else {"prompt": text}
    return "/aihubmix/v1/videos", {"model": model, **fields, **more}


def _vtrix(name, text, callback):
    if name == "kirin":
        body = {"model": "kirin-v2-6-t2v", "prompt": text}
        return "/vtrix/model/v1/generation", body | ({"callback_url": callback} if callback else {})
    params = {
        "input": {"messages": [{"role": "user", "content": [{"text": text}]}]},
        "parameters": {"n": 2},
    }
    if name == "enveloped":
        return "/vtrix/model/v1/generation", {"model": "wan26_t2i", "input": [{"params": params}]}
    return "/vtrix/model/v1/generation", {"model": "wan26_t2i", **params}


BODIES = {
    "laozhang": _laozhang,
    "runblob": _runblob,
    "aihubmix": _aihubmix,
    "eachlabs": _eachlabs,
    "vtrix": _vtrix,
    "seacloud": _seacloud,
}


@pytest.fixture
async def rehearsal():
    clock = Clock()
    tempo = Tempo(run_s=(1.0, 2.0), late_s=0.01, retry_s=0.001)

    def make(port):
        return make_app(
            origin=f"http://127.0.0.1:{port}",
            cdn_origin=f"http://localhost:{port}",
            seed=7,
            tempo=tempo,
            now=clock,
        )

    async with (
        served(make) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False) as client,
    ):
        yield Rehearsal(client, clock)
