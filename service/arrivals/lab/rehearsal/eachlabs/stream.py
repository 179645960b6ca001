"""A stream of server-sent events over a job's run. It ends with [DONE], or breaks off halfway."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from arrivals.lab.rehearsal import callbacks
from arrivals.lab.rehearsal.state import RehearsalState

DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """A response that sends each event at its moment."""

    media_type = "text/event-stream"

    def __init__(
        self,
        rehearsal_state: RehearsalState,
        events: list[tuple[float, Any]],
        *,
        cut_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(headers={"cache-control": "no-cache", **(headers or {})})
        del self.headers["content-length"]
        self.rehearsal_state = rehearsal_state
        self.events = events
        self.cut_after = cut_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends event after event, but only half of the event at which it breaks off."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for number, (moment, event) in enumerate(self.events):
            await callbacks.sleep_until(self.rehearsal_state, moment)
            frame = b"data: " + msgspec.json.encode(event) + b"\n\n"
            if number == self.cut_after:
                await send({"type": "http.response.body", "body": frame[: len(frame) // 2], "more_body": True})
                return  # the server notices that it was never finished, and hangs up
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": DONE})
