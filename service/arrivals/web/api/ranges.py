"""Bytes that we hold, whole or in part: one range of a GET, by RFC 9110 section 14."""

from collections.abc import Mapping
import re

from starlette.responses import Response

from arrivals.core.media import UNKNOWN, media_type
from arrivals.web.errors import Problem

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# Foreign bytes, served from our origin: a browser must not run them.
NOT_TO_BE_RUN = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}


def bytes_response(content: bytes, content_type: str, etag: str, request_headers: Mapping[str, str]) -> Response:
    """200 with all bytes, or 206 with the one range that was requested. Raises Problem (416).

    Several ranges, and those of another version (`If-Range`), are answered with all bytes, as the RFC allows.
    """
    headers = {"accept-ranges": "bytes", "etag": etag, **NOT_TO_BE_RUN}
    content_type = media_type(content_type) or UNKNOWN  # earlier releases stored it unchecked
    wanted = _ONE_RANGE.fullmatch(request_headers.get("range", ""))
    if wanted is None or wanted[0] == "bytes=-" or request_headers.get("if-range", etag) != etag:
        return Response(content, headers=headers, media_type=content_type)
    first, last = _span(wanted[1], wanted[2], len(content))
    if first > last:
        detail = f"the output has {len(content)} bytes"
        raise Problem(416, "range_not_satisfiable", detail, headers={"content-range": f"bytes */{len(content)}"})
    headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers=headers, media_type=content_type)


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    """The first and the last byte; `-N` is the last N."""
    if not first:
        return max(0, size - int(last)), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1
