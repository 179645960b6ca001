"""HTTP messages as values. Nothing here sends, receives or interprets one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A request that somebody may send. Headers and body may hold secrets and stay out of the repr.

    `streamed`: a good answer is a stream of server-sent events.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    streamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """The answer to a call: status, headers with lower-case names, the whole body."""

    http_status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """2xx."""
        return is_good(self.http_status)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhook:
    """A provider's call exactly as it came: raw bytes, and headers by lower-case name with their original text."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


def joined(told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; a repeated one is joined, as RFC 9110 section 5.3 allows."""
    headers: dict[str, str] = {}
    for name, value in told:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def is_good(http_status: int) -> bool:
    """2xx: RFC 9110 section 15.3."""
    return http_status // 100 == 2  # noqa: PLR2004
