"""The origin of a URL, which decides where a key may go.

Parsers disagree about odd URLs, and what one takes for a path may be another's host. Only a URL that all of them read
alike has an origin here. Whatever holds a user, a backslash, or a host of other letters has none, and gets no key.
"""

import re
from typing import NamedTuple

from arrivals.core.http import MAX_URL_CHARACTERS

PORTS = {"https": 443, "http": 80}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?=[/?#]|\Z)",
    re.IGNORECASE | re.ASCII,
)


class Origin(NamedTuple):
    """Scheme, host in lower case, and port."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin | None:
    """The origin of an http or https URL; None where anybody might read it otherwise."""
    match = _ORIGIN.match(url) if len(url) <= MAX_URL_CHARACTERS else None
    if match is None:
        return None
    scheme = match["scheme"].lower()
    return Origin(scheme, match["host"].lower(), int(match["port"] or PORTS[scheme]))


def same_origin(url: str, base_url: str) -> bool:
    """Scheme, host and port agree: only then may a key be sent along."""
    origin = origin_of(url)
    return origin is not None and origin == origin_of(base_url)
