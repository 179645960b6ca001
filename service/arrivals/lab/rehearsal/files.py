"""The files that stand-ins hand out: a tiny picture and film, served by the CDN to requests without a key."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arrivals.lab.rehearsal.state import RehearsalState

# One grey pixel. https://www.w3.org/TR/png-3/
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a4944415478da6368000000"
    "820081da45083b0000000049454e44ae426082"
)
# An ftyp box and an empty mdat box: enough to be recognised as a film. ISO/IEC 14496-12
MP4 = bytes.fromhex("000000186674797069736f6d0000020069736f6d6d703432") + bytes.fromhex("000000086d646174")
_RANGE = re.compile(r"bytes=(\d{1,9})-(\d{0,9})")


def _part(content: bytes, media_type: str, range_header: str) -> Response:
    """The bytes, or one range of them: https://www.rfc-editor.org/rfc/rfc9110#section-14."""
    byte_range = _RANGE.fullmatch(range_header)
    headers = {"accept-ranges": "bytes"}
    if byte_range is None:
        return Response(content, headers=headers, media_type=media_type)
    first, last = int(byte_range[1]), min(int(byte_range[2] or len(content)), len(content) - 1)
    if first > last:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{len(content)}"})
    headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, media_type)


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """`/cdn/{anything}`."""

    async def fetch(request: Request) -> Response:
        if "authorization" in request.headers:
            rehearsal_state.keys_leaked += 1
            return JSONResponse({"rehearsal": "a provider's key was sent to another origin"}, 400)
        film = request.url.path.endswith(".mp4")
        return _part(MP4 if film else PNG, "video/mp4" if film else "image/png", request.headers.get("range", ""))

    return [Route("/{name:path}", fetch)]
