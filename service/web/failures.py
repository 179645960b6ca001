"""Who fails to say who they are, by address: after a few failures an address has to wait between two guesses."""

from collections import OrderedDict
from dataclasses import dataclass, field
import ipaddress

from service.core.wire import SECOND, Micros

BURST = 10  # failures at once
EVERY: Micros = 6 * SECOND  # and then one in so long
MOST_ADDRESSES = 10_000  # remembered; the one that failed longest ago is forgotten first
MOST_KNOWN = 10_000
HOST_PREFIX = 64  # whoever has an IPv6 address has all of its network


@dataclass(slots=True)
class Failures:
    """One number for each address: until when what it did is paid for (the generic cell rate algorithm).

    A key that was admitted lately is admitted on, whoever else guesses from the same address.
    """

    _paid_until: OrderedDict[str, Micros] = field(default_factory=OrderedDict)
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def wait_of(self, address: str, digest: str, now: Micros) -> Micros:
        """How long this address has to wait before a key that is not known may be tried; 0 for not at all."""
        if digest in self._known:
            return 0
        return max(0, self._paid_until.get(_host(address), 0) - now - (BURST - 1) * EVERY)

    def failed(self, address: str, digest: str, now: Micros) -> bool:
        """Count a failure; whether it is the one from which on the address has to wait."""
        self._known.pop(digest, None)  # it was revoked, or ended
        host = _host(address)
        before = self._paid_until.pop(host, 0)
        until = max(before, now) + EVERY
        self._paid_until[host] = until
        if len(self._paid_until) > MOST_ADDRESSES:
            self._paid_until.popitem(last=False)
        allowed = now + (BURST - 1) * EVERY
        return before <= allowed < until

    def admitted(self, digest: str) -> None:
        """Remember that the key is somebody's."""
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def _host(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:  # noqa: PLR2004 - the version's number
        return address
    return str(ipaddress.IPv6Network((ip, HOST_PREFIX), strict=False))
