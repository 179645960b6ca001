"""The number of webhooks that came about each generation lately, as this process has seen it."""

REMEMBERED = 65_536  # generations; one that is forgotten begins anew


class Frequency:
    """Counts that cost nothing to read, for a bounded number of generations."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def count(self, generation_id: str) -> int:
        """Counts one more, and returns how many there are."""
        counted = self._counts.pop(generation_id, 0) + 1
        self._counts[generation_id] = counted
        if len(self._counts) > REMEMBERED:
            del self._counts[next(iter(self._counts))]
        return counted
