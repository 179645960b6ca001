"""The policy of where users' URLs may lead. Nothing here connects to anything."""

from collections.abc import Sequence
from functools import lru_cache
import ipaddress
from typing import TypeAlias

import httpx

from arrivals.core.http import MAX_URL_CHARACTERS
from arrivals.outbound.url import MAX_REMEMBERED_CHARACTERS, read_url

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class OutboundPolicy:
    """The destinations of users' URLs: public addresses by https, and whatever the operator allows."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)
        self._remembered = lru_cache(maxsize=1024)(self._objection)  # a subscriber's URL is looked at in every delivery

    def objection(self, url: str) -> str | None:
        """The objection to a URL as it is written, before any name is resolved; None if there is none."""
        if len(url) > MAX_URL_CHARACTERS:
            return f"the URL is longer than {MAX_URL_CHARACTERS} characters"
        return self._objection(url) if len(url) > MAX_REMEMBERED_CHARACTERS else self._remembered(url)

    def permits(self, address: str, scheme: str) -> bool:
        """True if a connection may go to this address."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if any(ip.version == network.version and ip in network for network in self._allowed):
            return True
        return scheme == "https" and ip.is_global and not ip.is_multicast and not _leads_elsewhere(ip)

    def _objection(self, url: str) -> str | None:
        # Read as it is when it is called: another parser might see another host.
        try:
            parts = read_url(url)
        except httpx.InvalidURL as error:
            return f"not a URL: {error}"
        if parts.scheme not in ("https", "http"):
            return "only https:// and http:// URLs can be called"
        if not parts.raw_host:
            return "the URL names no host"
        if parts.raw_user is not None or parts.raw_password is not None:
            return "the URL holds credentials; leave them out"
        if parts.scheme == "http" and not self._allowed:
            return "plain http is not allowed; use https, or list the network in ARRIVALS_ALLOW_DESTINATIONS"
        # An address goes past the resolver. `127。0。0。1` becomes one on the way out, so it is checked as it is sent.
        try:
            literal = ipaddress.ip_address(parts.raw_host)
        except ValueError:
            return None
        if not self.permits(str(literal), parts.scheme):
            return f"{parts.host} is not a public address; list its network in ARRIVALS_ALLOW_DESTINATIONS to allow it"
        return None


# https://www.iana.org/assignments/ipv6-address-space: only 2000::/3 is global unicast, and parts of it (Teredo and
# its neighbors, 6to4, documentation) and the 6to4 relay lead to other addresses than they name.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_ELSEWHERE = [ipaddress.ip_network(text) for text in ("2001::/23", "2002::/16", "3fff::/20", "192.88.99.0/24")]


def _leads_elsewhere(ip: Address) -> bool:
    return (ip.version == 6 and ip not in _GLOBAL_UNICAST) or any(  # noqa: PLR2004 - the version's number
        ip.version == network.version and ip in network for network in _ELSEWHERE
    )
