"""Failed authentications by address: after a few failures an address has to wait between two guesses."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
import ipaddress

from arrivals.core.rate_limit import RateLimit
from arrivals.core.wire import SECOND, Micros

BURST = 10  # failures at once
EVERY: Micros = 6 * SECOND  # then one in each of these
# No debt exceeds the burst. Addresses live no longer than this process, so no clock but its own counts.
GUESSES = RateLimit(interval=EVERY, burst=BURST, max_debt=2**62)
MAX_ADDRESSES = 10_000  # kept; the one that failed longest ago is dropped first
MAX_KEYS = 10_000
HOST_PREFIX = 64  # an owner of an IPv6 address has its whole network


@dataclass(slots=True)
class AuthThrottle:
    """One number for each address: the moment until which its tries are paid (the generic cell rate algorithm).

    Every try with an unknown key is paid for before the key is looked up, and refunded when the key is valid: a
    thousand tries at one moment are a thousand. No address owes more than the burst, so none waits longer than for one
    try. A key that was admitted lately stays admitted, whoever else guesses from the same address.
    """

    _paid_until: OrderedDict[str, Micros] = field(default_factory=OrderedDict)
    _admitted: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _trying: Counter[str] = field(default_factory=Counter)  # keys that are being looked up

    def tries(self, address: str, digest: str, now: Micros) -> Micros:
        """Pays for a try with this key. Returns 0, or how long this address has to wait instead, which costs nothing.

        The same key several times at one moment is one try. Call `tried` afterwards, unless the address has to wait.
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
        """Ends a try: the key was looked up, with whatever result."""
        self._trying[digest] -= 1
        if not self._trying[digest]:
            del self._trying[digest]

    def failed(self, address: str, digest: str, now: Micros) -> bool:
        """Counts an invalid key. Returns True if the address has to wait from now on."""
        self._admitted.pop(digest, None)  # it was revoked, or expired
        return GUESSES.wait(self._paid_until.get(host_of(address), 0), now) > 0

    def admitted(self, address: str, digest: str) -> None:
        """Refunds the try with a valid key and remembers the key."""
        host = host_of(address)
        if digest not in self._admitted and host in self._paid_until:
            self._paid_until[host] -= EVERY
        self._admitted[digest] = None
        self._admitted.move_to_end(digest)
        if len(self._admitted) > MAX_KEYS:
            self._admitted.popitem(last=False)


def host_of(address: str) -> str:
    """The unit that is counted: an IPv4 address, also if mapped into IPv6, or an IPv6 network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ipaddress.IPv6Network((ip, HOST_PREFIX), strict=False))
