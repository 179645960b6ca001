"""Places for connections: bounds their number, and the bytes that all of them together leave unread.

A new connection takes the place of the one that costs its peer least: kept open between requests, then waiting for the
rest of a head or a body, then leaving answers unread. One with a request in work keeps its place. All deadlines are
checked once a second; a timer for each request would cost more than the request's own bounds.
"""

import asyncio
from enum import IntEnum
import resource
from typing import Protocol

from arrivals.web.server import limits


class Activity(IntEnum):
    """The states of a connection, in the order in which connections make room."""

    IDLE = 0  # kept open between two requests
    WAITING = 1  # for the rest of a head or of a body
    UNREAD = 2  # for its peer to take an answer
    WORKING = 3  # on a request


class Placed(Protocol):
    """A connection as seen from its place. `deadline`: the end of its time on the loop's clock; infinite is never."""

    standing: Activity
    deadline: float

    def make_room(self) -> None:
        """Closes it: another connection needs the place."""
        ...

    def overdue(self) -> None:
        """Called after its deadline."""
        ...


def max_connections() -> int:
    """Half of the files that this process may have open; the rest is for the store and for outgoing calls."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * limits.MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return limits.MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(limits.MAX_CONNECTIONS, soft // 2)


class Places:
    """The connections of one server by activity, longest in it first."""

    def __init__(self, max_places: int) -> None:
        self.max_places = max_places
        self._standing: dict[Activity, dict[Placed, None]] = {standing: {} for standing in Activity}
        self._unread_bytes = 0
        self._looking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._standing.values()))

    def enter(self, connection: Placed) -> None:
        """Gives a connection a place; where all are busy, it is closed again."""
        self._standing[connection.standing][connection] = None
        if len(self) > self.max_places:
            leaving = self._who_makes_room() or connection
            self.leave(leaving)
            leaving.make_room()
        if self._looking is None:
            self._look_again()

    def move(self, connection: Placed, standing: Activity) -> None:
        """Moves a connection to another activity, or to the end of the same."""
        if self._standing[connection.standing].pop(connection, self) is None:
            self._standing[standing][connection] = None
        connection.standing = standing

    def leave(self, connection: Placed) -> None:
        """Removes a connection."""
        self._standing[connection.standing].pop(connection, None)

    def unread(self, connection: Placed, more: int) -> None:
        """Counts more (or fewer) unread bytes of its answers; beyond the bound, the oldest connections are closed."""
        self._unread_bytes += more
        while self._unread_bytes > limits.UNREAD_MAX_BYTES and self._standing[Activity.UNREAD]:
            leaving = next(iter(self._standing[Activity.UNREAD]))
            self.leave(leaving)
            leaving.make_room()
            if leaving is connection:
                return

    def _who_makes_room(self) -> Placed | None:
        for standing in (Activity.IDLE, Activity.WAITING, Activity.UNREAD):
            connection = next(iter(self._standing[standing]), None)
            if connection is not None:
                return connection
        return None

    def _look_again(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(limits.LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        late = [
            connection for standing in self._standing.values() for connection in standing if connection.deadline <= now
        ]
        for connection in late:
            connection.overdue()
        self._looking = None
        if len(self):
            self._look_again()
