"""The CDN of the stand-ins: a whole file, or a range of it, for requests without a key."""

import pytest


@pytest.mark.parametrize(
    ("range_header", "expected"),
    [
        (None, (200, None, 67)),
        ("bytes=0-9", (206, "bytes 0-9/67", 10)),
        ("bytes=60-", (206, "bytes 60-66/67", 7)),
        ("bytes=60-999", (206, "bytes 60-66/67", 7)),
        ("bytes=67-", (416, "bytes */67", 0)),
        ("bytes=0-1,3-4", (200, None, 67)),
    ],
)
async def test_range_of_a_file(rehearsal, range_header, expected):
    answer = await rehearsal.client.get("/cdn/fox.png", headers={"range": range_header} if range_header else {})

    length = len(answer.content)
    assert expected == (answer.status_code, answer.headers.get("content-range"), length)
