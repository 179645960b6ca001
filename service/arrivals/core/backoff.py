"""Waits that grow with each failure, and jitter. The one formula behind every retry, poll and reconnection."""

JITTER = 0.2  # a fifth either way spreads what began together
MAX_EXPONENT = 64  # beyond it every wait has reached its maximum, and a float its end


def backoff_s(failures: int, *, first_s: float, max_s: float, factor: float = 2.0) -> float:
    """Seconds to wait after `failures` beyond the first: `first_s`, growing by `factor`, up to `max_s`."""
    return min(first_s * factor ** min(failures, MAX_EXPONENT), max_s)


def jittered(wait_s: float, random: float) -> float:
    """The wait spread evenly by a fifth either way; `random` is in [0, 1)."""
    return wait_s * (1 + JITTER * (2 * random - 1))
