"""The generations on people's screens: those under way, and those that closed a moment ago.

Everybody who watches shares one look at the database, and there is none while nobody does. A watcher compares what it
has shown with what is there now, so a change between two looks may go unseen; events are for those who need them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio
import msgspec

from arrivals.core.event import public
from arrivals.core.wire import SECOND, Micros
from arrivals.store import generation_lists
from arrivals.store.engine.base import Database, Tx

FRESH_S = 0.25  # between two looks
CLOSED_SHOWN: Micros = 60 * SECOND
LOADED_TOGETHER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A generation as it is shown: its JSON, and what it is picked by."""

    id: str
    version: int
    provider: str
    model: str
    under_way: bool
    body: bytes


class Changes:
    """The last look at everything; taken again when it is too old."""

    def __init__(self) -> None:
        self._shown: Mapping[str, Shown] = {}
        self._looked_at = float("-inf")
        self._looking = anyio.Lock()

    async def look(self, store: Database, now: Micros) -> Mapping[str, Shown]:
        """The generations under way and those that closed lately, by id: the newest of each, bounded in number."""
        async with self._looking:
            if anyio.current_time() - self._looked_at >= FRESH_S:
                async with store.reading() as tx:
                    versions = await generation_lists.versions_on_screen(tx, now - CLOSED_SHOWN)
                self._shown = await _renewed(store, self._shown, versions)
                self._looked_at = anyio.current_time()
            return self._shown


async def look_at(store: Database, ids: Sequence[str], before: Mapping[str, Shown]) -> Mapping[str, Shown]:
    """The same of these alone, however old they are; `before` is what the last look showed."""
    async with store.reading() as tx:
        versions = await generation_lists.versions_of(tx, ids)
    return await _renewed(store, before, versions)


async def _renewed(store: Database, before: Mapping[str, Shown], versions: Mapping[str, int]) -> Mapping[str, Shown]:
    """The generations at these versions; only those that changed are loaded, a part at a time."""
    kept = {name: before[name] for name, version in versions.items() if _is_shown(before, name, version)}
    changed = [name for name in versions if name not in kept]
    for start in range(0, len(changed), LOADED_TOGETHER):
        async with store.reading() as tx:
            kept |= await _loaded(tx, changed[start : start + LOADED_TOGETHER])
    return dict(sorted(kept.items()))


def _is_shown(before: Mapping[str, Shown], name: str, version: int) -> bool:
    return name in before and before[name].version == version


async def _loaded(tx: Tx, ids: Sequence[str]) -> dict[str, Shown]:
    return {
        generation.id: Shown(
            id=generation.id,
            version=generation.version,
            provider=generation.provider,
            model=generation.model,
            under_way=not generation.ended,
            body=msgspec.json.encode(public(generation)),
        )
        for generation in await generation_lists.loaded(tx, ids)
    }
