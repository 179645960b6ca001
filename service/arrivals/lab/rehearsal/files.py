"""The files that stand-ins hand out: a picture for each name and one film, served by the CDN without a key."""

import base64
import colorsys
import hashlib
import re
import struct
import zlib

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arrivals.lab.rehearsal.state import RehearsalState

SIDE = 256  # of a picture, in pixels
SQUARES = 8  # in a row of a picture
# An ftyp box and an empty mdat box: enough to be recognised as a film. ISO/IEC 14496-12
MP4 = bytes.fromhex("000000186674797069736f6d0000020069736f6d6d703432") + bytes.fromhex("000000086d646174")
_RANGE = re.compile(r"bytes=(\d{1,9})-(\d{0,9})")


def picture(name: str) -> bytes:
    """A PNG of some 150 bytes: a symmetric pattern of squares in two colors, the same for the same name.

    https://www.w3.org/TR/png-3/
    """
    digest = hashlib.sha256(name.encode()).digest()
    square = bytes(SIDE // SQUARES // 8)  # eight pixels in a byte, all of the first color
    scanlines = []
    for bits in digest[:SQUARES]:
        half = [square if bits >> place & 1 else square.replace(b"\0", b"\xff") for place in range(SQUARES // 2)]
        scanlines += [b"\0" + b"".join([*half, *reversed(half)])] * (SIDE // SQUARES)
    hue = digest[-1] / 256
    palette = [colorsys.hls_to_rgb(hue, lightness, 0.6) for lightness in (0.92, 0.4)]
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 1, 3, 0, 0, 0))  # one bit for a pixel, of a palette
        + _chunk(b"PLTE", bytes(round(255 * part) for color in palette for part in color))
        + _chunk(b"IDAT", zlib.compress(b"".join(scanlines), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def file_name(url: str) -> str:
    """The last part of a URL's path, by which the CDN draws the picture."""
    return url.partition("?")[0].rpartition("/")[2]


def data_uri(name: str) -> str:
    """The picture of this name as a data URI."""
    return "data:image/png;base64," + base64.b64encode(picture(name)).decode()


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
        name, byte_range = file_name(request.url.path), request.headers.get("range", "")
        if name.endswith(".mp4"):
            return _part(MP4, "video/mp4", byte_range)
        return _part(picture(name), "image/png", byte_range)

    return [Route("/{name:path}", fetch)]
