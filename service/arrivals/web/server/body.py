"""The end of a request's body. Pure: it takes bytes and returns how many of them belong to the body."""

from httptools import HttpParserError, HttpRequestParser

from arrivals.web.server.head import END


class Body:
    """A body of `length` bytes, or (None) one in chunks, which ends at a blank line."""

    def __init__(self, length: int | None) -> None:
        self._left = length or 0
        self._chunks: HttpRequestParser | None = None
        self.whole = length == 0
        if length is None:
            self._chunks = HttpRequestParser(self)
            self._chunks.feed_data(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")

    def piece_of(self, data: bytes) -> int:
        """The number of these bytes that certainly belong to the body; they count as received."""
        if self._chunks is None:
            size = min(self._left, len(data))
            self._left -= size
            self.whole = self._left == 0
            return size
        end = data.find(END)
        size = end + len(END) if end >= 0 else len(data) - _begun(data)
        try:
            self._chunks.feed_data(data[:size])
        except HttpParserError:
            self.whole = True  # uvicorn reports what is wrong with it, and closes
        return size

    def on_message_complete(self) -> None:
        """Called by the parser after the last chunk."""
        self.whole = True


def _begun(data: bytes) -> int:
    """The number of last bytes that may begin a blank line."""
    return next((size for size in (3, 2, 1) if data.endswith(END[:size])), 0)
