"""HTTP messages as values. Nothing here sends, receives or interprets one."""

from collections.abc import Mapping
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
        return 200 <= self.http_status < 300  # noqa: PLR2004 - RFC 9110 section 15.3


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhook:
    """A provider's call exactly as it came: raw bytes, and headers by lower-case name with their original text."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
