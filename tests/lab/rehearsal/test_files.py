"""The CDN of the stand-ins: a whole file, or a range of it, for requests without a key."""

from io import BytesIO
import struct
import zlib

import imagesize
import pytest

from arrivals.lab.rehearsal.files import picture

FOX = picture("fox.png")
LENGTH = len(FOX)


@pytest.mark.parametrize(
    ("range_header", "expected"),
    [
        (None, (200, None, LENGTH)),
        ("bytes=0-9", (206, f"bytes 0-9/{LENGTH}", 10)),
        ("bytes=60-", (206, f"bytes 60-{LENGTH - 1}/{LENGTH}", LENGTH - 60)),
        ("bytes=60-999", (206, f"bytes 60-{LENGTH - 1}/{LENGTH}", LENGTH - 60)),
        (f"bytes={LENGTH}-", (416, f"bytes */{LENGTH}", 0)),
        ("bytes=0-1,3-4", (200, None, LENGTH)),
    ],
)
async def test_range_of_a_file(rehearsal, range_header, expected):
    answer = await rehearsal.client.get("/cdn/fox.png", headers={"range": range_header} if range_header else {})

    length = len(answer.content)
    assert expected == (answer.status_code, answer.headers.get("content-range"), length)


async def test_every_name_has_a_picture_of_its_own_wherever_it_is_fetched(rehearsal):
    contents = [(await rehearsal.client.get(f"/cdn/runblob/{name}.png?sign=6f1e")).content for name in "aab"]

    assert [picture("a.png"), picture("a.png"), picture("b.png")] == contents
    assert contents[1] != contents[2]


def test_picture_is_a_whole_png_with_two_colors_and_a_pattern():
    """Read here as https://www.w3.org/TR/png-3/ says: every chunk with its checksum, every scanline with its filter."""
    chunks, rest = {}, FOX.removeprefix(b"\x89PNG\r\n\x1a\n")
    while rest:
        (length,), kind = struct.unpack(">I", rest[:4]), rest[4:8]
        chunks[kind] = rest[8 : 8 + length]
        assert (zlib.crc32(rest[4 : 8 + length]),) == struct.unpack(">I", rest[8 + length : 12 + length])
        rest = rest[12 + length :]
    pixels = zlib.decompress(chunks[b"IDAT"])

    assert [b"IHDR", b"PLTE", b"IDAT", b"IEND"] == list(chunks)
    assert (256, 256) == imagesize.get(BytesIO(FOX))
    assert 6 == len(chunks[b"PLTE"])
    assert (256 * (1 + 256 // 8), {0}) == (len(pixels), set(pixels[:: 1 + 256 // 8]))
    assert {0, 0xFF} == set(pixels)
