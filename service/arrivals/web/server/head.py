"""Heads of requests. Pure: it takes the bytes of one and returns the length of its body and its addressee.

uvicorn reads the same bytes again, except those of small webhooks. Errors in a head are left to uvicorn, so that there
is one opinion about what is HTTP.
"""

from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from arrivals.web.callbacks import addressed

BLANK, END = b"\r\n", b"\r\n\r\n"
SMALL_BYTES = 64 * 1024  # a webhook's body


@dataclass(slots=True)
class Head:
    """The head of one request.

    `length`: of its body in bytes; None where it comes in chunks. `unusual`: offers another protocol, or is HTTP/1.0.
    `webhook`: (provider, token) of a small one that needs nothing but to be taken and answered.
    """

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    length: int | None = 0
    unusual: bool = False
    webhook: tuple[str, str] | None = None
    whole: bool = False

    def on_headers_complete(self) -> None:
        """Called by the parser after the last header."""
        self.whole = True

    def on_url(self, url: bytes) -> None:
        """Called by the parser with the URL, or part of it."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser with each header."""
        self.headers.append((name.lower(), value))


def read_head(data: bytes) -> Head | None:
    """The head that these bytes are; None if they are none."""
    head = Head()
    parser = HttpRequestParser(head)
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        head.unusual = parser.get_method() != b"CONNECT"
    except HttpParserError:
        return None
    if not head.whole:
        return None
    head.unusual = head.unusual or parser.get_http_version() == "1.0"
    plain = parser.get_method() == b"POST" and parser.get_http_version() == "1.1" and parser.should_keep_alive()
    for name, value in head.headers:
        if name == b"content-length":
            head.length = int(value)
        elif name == b"transfer-encoding":
            head.length = None
        plain = plain and name not in (b"transfer-encoding", b"expect")
    if plain and head.length is not None and head.length <= SMALL_BYTES:
        head.webhook = addressed(head.url)
    return head
