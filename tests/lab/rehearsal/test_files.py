"""The CDN of the stand-ins: the bytes, or one range of them, for whoever brings no key."""

import pytest


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (None, (200, None, 67)),
        ("bytes=0-9", (206, "bytes 0-9/67", 10)),
        ("bytes=60-", (206, "bytes 60-66/67", 7)),
        ("bytes=60-999", (206, "bytes 60-66/67", 7)),
        ("bytes=67-", (416, "bytes */67", 0)),
        ("bytes=0-1,3-4", (200, None, 67)),
    ],
)
async def test_range_of_a_file(rehearsal, asked, told):
    answer = await rehearsal.client.get("/cdn/fox.png", headers={"range": asked} if asked else {})

    length = len(answer.content)
    assert told == (answer.status_code, answer.headers.get("content-range"), length)
