"""Status words that no table knows: one may be a slip, one that is repeated is a gap in a table."""

import structlog

from arrivals.core.generation import GenerationKey
from arrivals.core.observation import Observation

log = structlog.get_logger()

LOGGED_AT = 3  # times that a word was seen by this process
REMEMBERED = 1000  # words; further ones are ignored


class UnknownStatuses:
    """The number of times that each was seen, by provider, route and channel."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str, str], int] = {}

    def counts(self, about: GenerationKey, seen: Observation) -> bool:
        """True from the third time on that this unknown word was seen; the third time is logged."""
        word = seen.reading.provider_status
        if seen.reading.status is not None or word is None:
            return False
        key = (about.provider, about.route, seen.origin, word)
        if key not in self._seen and len(self._seen) == REMEMBERED:
            return False
        times = self._seen[key] = self._seen.get(key, 0) + 1
        if times == LOGGED_AT:
            log.warning(
                "status_word_unknown", provider=about.provider, route=about.route, origin=seen.origin, word=word
            )
        return times >= LOGGED_AT
