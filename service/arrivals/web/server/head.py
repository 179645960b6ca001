"""Heads of requests. Pure: it is given the bytes of one and says how long its request is and whom it is for.

uvicorn reads the very same bytes again, except those of small webhooks. What is wrong with a head is for uvicorn to
say, so there is one opinion about what is HTTP.
"""

from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from arrivals.web.callbacks import addressed

BLANK, END = b"\r\n", b"\r\n\r\n"
SMALL_BYTES = 64 * 1024  # a webhook's body


@dataclass(slots=True)
class Head:
    """The head of one request.

    `length`: of its body in bytes; None where it comes in chunks. `offers`: another protocol, in its place.
    `webhook`: (provider, token) of a small one that asks for nothing but to be taken and answered.
    """

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    length: int | None = 0
    offers: bool = False
    webhook: tuple[str, str] | None = None
    whole: bool = False

    def on_headers_complete(self) -> None:
        """There are no more."""
        self.whole = True

    def on_url(self, url: bytes) -> None:
        """Of the request line, or part of it."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more."""
        self.headers.append((name.lower(), value))


def read_head(data: bytes) -> Head | None:
    """A head that ends with the data; None for what is none."""
    head = Head()
    parser = HttpRequestParser(head)
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        head.offers = parser.get_method() != b"CONNECT"
    except HttpParserError:
        return None
    if not head.whole:
        return None
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
