"""The little of HTTP/1.1 that a load generator needs: where a message ends. Pure.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from typing import TypeAlias

Message: TypeAlias = tuple[bytes, bytes]  # head without its blank line, body

END_OF_HEAD = b"\r\n\r\n"
LINE = b"\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"


def split(buffer: bytes) -> tuple[list[Message], bytes]:
    """Returns every whole message, and what is left. A message without a length has no body, as with 204s and GETs."""
    messages: list[Message] = []
    start = 0
    while (end := buffer.find(END_OF_HEAD, start)) >= 0:
        head, body_at = buffer[start:end], end + len(END_OF_HEAD)
        length = _length(head)
        if length is None:
            chunked = _unchunked(buffer, body_at)
            if chunked is None:
                break
            body, start = chunked
        elif len(buffer) - body_at < length:
            break
        else:
            body, start = buffer[body_at : body_at + length], body_at + length
        messages.append((head, body))
    return messages, buffer[start:]


def header(head: bytes, name: bytes) -> bytes | None:
    """Returns the value of a header, whose name is in lower case."""
    at = head.lower().find(LINE + name + b":")
    if at < 0:
        return None
    begin = at + len(LINE) + len(name) + 1
    end = head.find(LINE, begin)
    return head[begin : end if end >= 0 else len(head)].strip()


def status(head: bytes) -> int:
    """Returns the status of an answer."""
    return int(head[9:12])


def target(head: bytes) -> bytes:
    """Returns the path that a request asks for."""
    return head.split(b" ", 2)[1]


def answer(body: bytes) -> bytes:
    """Returns an answer 200 with a JSON body."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def post(path: str, port: int, headers: dict[str, str]) -> bytes:
    """Returns the head of a POST of JSON, up to its length."""
    lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "content-length: "]).encode()


def with_body(head: bytes, body: bytes) -> bytes:
    """Returns a whole request."""
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def _length(head: bytes) -> int | None:
    """Returns the length of the body; None if it comes in chunks."""
    length = header(head, b"content-length")
    if length is not None:
        return int(length)
    return None if header(head, b"transfer-encoding") == b"chunked" else 0


def _unchunked(buffer: bytes, at: int) -> tuple[bytes, int] | None:
    """Returns the body and where it ends, once its last chunk is there; trailers are not supported."""
    parts: list[bytes] = []
    while (end := buffer.find(LINE, at)) >= 0:
        size = int(buffer[at:end].partition(b";")[0], 16)
        begin = end + len(LINE)
        at = begin + size + len(LINE)
        if len(buffer) < at:
            return None
        if size == 0:
            return b"".join(parts), at
        parts.append(buffer[begin : begin + size])
    return None
