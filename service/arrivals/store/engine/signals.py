"""Bells within one process: hints that there is work. Whoever rests also looks by itself; a lost ring costs time."""

from collections import defaultdict

import anyio


class Signals:
    """Counts rings per name and wakes those who wait."""

    def __init__(self) -> None:
        self._rings: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)

    def notify(self, bell: str) -> None:
        """See Database."""
        self._rings[bell] += 1
        if bell in self._waiting:
            self._waiting.pop(bell).set()

    def heard(self, bell: str) -> int:
        """See Database."""
        return self._rings[bell]

    async def wait(self, bell: str, heard: int, at_most_s: float) -> None:
        """See Database."""
        with anyio.move_on_after(at_most_s):
            while self._rings[bell] <= heard:
                await self._waiting[bell].wait()
