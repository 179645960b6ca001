"""An answer in bytes, exactly as uvicorn writes it, except for the moment in `date`."""

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
import time

from starlette.responses import Response

CLOSE = (b"connection", b"close")


def written(answer: Response, *, closes: bool = False) -> bytes:
    """The whole answer. `closes`: it is the last of its connection, whatever its own headers say."""
    headers = answer.raw_headers if not closes or CLOSE in answer.raw_headers else [*answer.raw_headers, CLOSE]
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n%b" % (
        answer.status_code, _phrase(answer.status_code), _date(int(time.time())), lines, bytes(answer.body),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _phrase(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return b"date: " + formatdate(second, usegmt=True).encode() + b"\r\n"
