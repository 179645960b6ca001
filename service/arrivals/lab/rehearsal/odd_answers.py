"""Answers as public reports show them: the truth, in words and bytes that no page documents."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from arrivals.lab.rehearsal.faults import PollFault

STATUS_FIELDS = ("status", "task_status")
CUT_EMOJI = b'"echo": "a fox \\ud83e", '  # a prompt that was cut within a character
PAGE = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>"
MOVED = "moved"
REFUSAL = {"detail": "CONTENT_CHECK_PENDING", "message": "CONTENT_CHECK_PENDING"}


def page() -> Response:
    """The 503 page of a provider's front with nothing behind it."""
    return Response(PAGE, 503, media_type="text/html")


def moved(request: Request) -> Response | None:
    """A redirect to the same path under another address, unless the request has followed it already."""
    if MOVED in request.query_params:
        return None
    return Response(status_code=307, headers={"location": f"{request.url.path}?{MOVED}=1"})


def refused() -> Response:
    """A refusal with 422 about one task, which is only temporary."""
    return Response(msgspec.json.encode(REFUSAL), 422, media_type="application/json")


def spelled(fault: PollFault | None, status: int, body: Any) -> Response:
    """A JSON answer, with status words in odd case or bytes cut within a character where the fault demands it."""
    content = msgspec.json.encode(_in_odd_case(body) if fault is PollFault.CASE else body)
    if fault is PollFault.MANGLED and content.startswith(b"{") and content != b"{}":
        content = b"{" + CUT_EMOJI + content[1:]
    return Response(content, status, media_type="application/json")


def _in_odd_case(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: f" {part.swapcase()}\n" if name in STATUS_FIELDS and isinstance(part, str) else _in_odd_case(part)
        for name, part in value.items()
    }
