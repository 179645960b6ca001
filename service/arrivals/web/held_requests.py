"""Requests that are held open (event streams, waits): bounded per key, per address, and to half of all connections.

The other half is left to webhooks, orders and everything that is answered at once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from arrivals.web.auth_throttle import host_of
from arrivals.web.errors import SOON, Problem
from arrivals.web.server.connection_limit import max_connections
from arrivals.web.server.limits import MAX_CONNECTIONS

MAX_PER_KEY = MAX_PER_ADDRESS = MAX_CONNECTIONS // 4


@dataclass(slots=True)
class HeldRequests:
    """Counts held requests by key and by address. For an administrator's key only the first bound holds."""

    max_held: int = field(default_factory=lambda: max_connections() // 2)
    _by_key: Counter[str] = field(default_factory=Counter)
    _by_address: Counter[str] = field(default_factory=Counter)
    _held: int = 0

    def hold(self, key_id: str, address: str, *, admin: bool) -> Callable[[], None]:
        """Counts one more. Returns the function that ends it. Raises Problem (429)."""
        host = host_of(address)
        if self._by_key[key_id] >= MAX_PER_KEY:
            raise _too_many(f"this key holds {MAX_PER_KEY}")
        if not admin and (self._by_address[host] >= MAX_PER_ADDRESS or self._held >= self.max_held):
            raise _too_many("this address, or everybody together, holds as many as may be")
        self._change(key_id, host, 1)
        return lambda: self._change(key_id, host, -1)

    def _change(self, key_id: str, host: str, more: int) -> None:
        self._held += more
        for counted, name in ((self._by_key, key_id), (self._by_address, host)):
            counted[name] += more
            if not counted[name]:
                del counted[name]


def _too_many(why: str) -> Problem:
    detail = f"too many requests are held open: {why}; close some, or ask without waiting"
    return Problem(429, "too_many_held", detail, headers=SOON)
