"""Who fails to say who they are, by address: after a few failures an address has to wait between two guesses."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
import ipaddress

from arrivals.core.rate_limit import RateLimit
from arrivals.core.wire import SECOND, Micros

BURST = 10  # failures at once
EVERY: Micros = 6 * SECOND  # and then one each
# No debt is larger than the burst; a number of another clock's is none of an address's, which lives as long as we do.
GUESSES = RateLimit(interval=EVERY, burst=BURST, max_debt=2**62)
MAX_ADDRESSES = 10_000  # remembered; the one that failed longest ago is forgotten first
MAX_KEYS = 10_000
HOST_PREFIX = 64  # whoever has an IPv6 address has all of its network


@dataclass(slots=True)
class AuthThrottle:
    """One number for each address: until when what it did is paid for (the generic cell rate algorithm).

    Every try with a key that is not known is paid for before it is looked up, and given back when the key is
    somebody's: a thousand tries at one moment are a thousand. Nobody owes more than the burst, so nobody waits longer
    than for one try. A key that was admitted lately is admitted on, whoever else guesses from the same address.
    """

    _paid_until: OrderedDict[str, Micros] = field(default_factory=OrderedDict)
    _admitted: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _trying: Counter[str] = field(default_factory=Counter)  # keys that are being looked up

    def tries(self, address: str, digest: str, now: Micros) -> Micros:
        """Pay for a try with this key; or how long this address has to wait before its next, for which nothing is paid.

        Whoever sends the same key at the same moment makes one try. To be followed by `tried`, unless it has to wait.
        """
        if digest not in self._admitted and digest not in self._trying:
            host = host_of(address)
            before = self._paid_until.get(host, 0)
            wait = GUESSES.wait(before, now)
            if wait > 0:
                return wait
            self._paid_until[host] = GUESSES.spend(before, now, 1)
            self._paid_until.move_to_end(host)
            if len(self._paid_until) > MAX_ADDRESSES:
                self._paid_until.popitem(last=False)
        self._trying[digest] += 1
        return 0

    def tried(self, digest: str) -> None:
        """It was looked up, whatever came of it."""
        self._trying[digest] -= 1
        if not self._trying[digest]:
            del self._trying[digest]

    def failed(self, address: str, digest: str, now: Micros) -> bool:
        """It was nobody's key; whether the address has to wait from now on."""
        self._admitted.pop(digest, None)  # it was revoked, or ended
        return GUESSES.wait(self._paid_until.get(host_of(address), 0), now) > 0

    def admitted(self, address: str, digest: str) -> None:
        """The key is somebody's: what was paid is given back, and the key remembered."""
        host = host_of(address)
        if digest not in self._admitted and host in self._paid_until:
            self._paid_until[host] -= EVERY
        self._admitted[digest] = None
        self._admitted.move_to_end(digest)
        if len(self._admitted) > MAX_KEYS:
            self._admitted.popitem(last=False)


def host_of(address: str) -> str:
    """The unit that is counted: an IPv4 address, also where it comes as a mapped one, or a network of IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ipaddress.IPv6Network((ip, HOST_PREFIX), strict=False))
