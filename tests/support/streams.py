"""A provider's stream of server-sent events, with an end of the test's choosing, and each::sense's words in one."""

import json
from typing import Any

from anyio.lowlevel import checkpoint

DONE = "[DONE]"
HEARD = object()
IMAGE = "https://storage.example.com/sense/1.png"
SENSE: dict[str, Any] = {"provider": "eachlabs", "model": "eachsense/beta", "input": {"prompt": "a red fox"}}
THINKING = {"type": "thinking_delta", "content": "A fox, then."}
STARTED = {"type": "execution_started", "execution_id": "ex-1", "workflow_id": "wf-1"}
MADE = {"type": "generation_response", "url": IMAGE, "generations": [IMAGE]}
COMPLETE = {"type": "complete", "status": "ok", "generations": [IMAGE]}
BUSY = {"type": "error", "error_code": "SESSION_BUSY", "message": "Session is currently processing another request"}
EXECUTION = {"execution_id": "ex-1", "status": "completed", "output": IMAGE}


class Stream:
    """An answer of the upstream: these events, as JSON or as text (bytes go out as they are), and then its end.

    `ends`: "politely", "cut" (the connection breaks off) or "never" (it is silent until the other side leaves). HEARD
    among the events is a pause until `heard` says that those before it were.
    """

    def __init__(self, *events, ends="politely", heard=None):
        self.events, self.ends, self.heard = events, ends, heard

    async def __call__(self, scope, receive, send):
        """As an ASGI application."""
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for event in self.events:
            if event is HEARD:
                while not await self.heard():
                    await checkpoint()
            else:
                await send({"type": "http.response.body", "body": _written(event), "more_body": True})
        if self.ends == "politely":
            await send({"type": "http.response.body", "body": b""})
        elif self.ends == "never":
            await silent(receive)


def _written(event):
    if isinstance(event, bytes):
        return event
    return b"data: " + (event if isinstance(event, str) else json.dumps(event)).encode() + b"\n\n"


async def silent(receive):
    """Say nothing until the other side leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Silent:
    """An answer that never begins."""

    async def __call__(self, scope, receive, send):
        """As an ASGI application."""
        await silent(receive)
