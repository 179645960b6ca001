"""HTTP messages as values. Nothing here sends, receives or interprets one."""

from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct, field

MAX_URL_CHARACTERS = 8192  # https://www.rfc-editor.org/rfc/rfc9110#section-4.1 wants 8000 octets to be taken


def split_url(url: str) -> SplitResult:
    """The parts of a URL that somebody else wrote. Raises ValueError.

    `urlsplit` remembers whole URLs by their number, so that a few long ones would take up memory forever.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise ValueError(f"the URL is longer than {MAX_URL_CHARACTERS} characters")
    return urlsplit(url)


class HttpCall(Struct, frozen=True, kw_only=True):
    """A request that somebody may send. Headers and body may hold secrets and stay out of the repr.

    `streamed`: a good answer is a stream of server-sent events.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    streamed: bool = False

    def __repr__(self) -> str:
        return f"HttpCall(method={self.method!r}, url={self.url!r}, streamed={self.streamed})"


class HttpReply(Struct, frozen=True, kw_only=True):
    """The answer to a call: status, headers with lower-case names, the whole body."""

    http_status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpReply(http_status={self.http_status})"

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return is_good(self.http_status)


class InboundWebhook(Struct, frozen=True, kw_only=True):
    """A provider's call exactly as it came: raw bytes, and headers by lower-case name with their original text."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"InboundWebhook({len(self.body)} bytes)"


def join_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; a repeated one is joined, as RFC 9110 section 5.3 allows."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5  # that are followed, one after the other


def redirect_of(http_status: int, headers: Mapping[str, str]) -> str | None:
    """The destination of a redirect, as the answer writes it; None for any other answer."""
    return headers.get("location") if http_status in REDIRECTS else None


def is_good(http_status: int) -> bool:
    """True for 2xx: RFC 9110 section 15.3."""
    return http_status // 100 == 2  # noqa: PLR2004


def is_server_error(http_status: int | None) -> bool:
    """True for 5xx, or beyond: RFC 9110 section 15.6."""
    return http_status is not None and http_status >= 500  # noqa: PLR2004
