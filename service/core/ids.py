"""Prefixed, time-ordered identifiers, made from a given moment and given entropy."""

from functools import lru_cache

from service.core.wire import Micros

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: sorts as the number it writes
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # two letters are ten bits
ENTROPY_BYTES = 9
BEYOND = 1 << 56  # microseconds: no id can say this moment, or a later one


def make_id(prefix: str, now: Micros, entropy: bytes) -> str:
    """`gen_` + 26 characters: 56 bits of microseconds, so that ids sort as they were made, then 72 bits of entropy."""
    rest = (now & 0xFF) << 72 | int.from_bytes(entropy[:ENTROPY_BYTES])
    return f"{prefix}_{_moment(now >> 8)}" + "".join([_PAIRS[rest >> shift & 1023] for shift in range(70, -1, -10)])


@lru_cache(maxsize=16)
def _moment(now: int) -> str:
    """The 48 bits that hardly change from one id to the next."""
    return "".join([_PAIRS[now >> shift & 1023] for shift in range(40, -1, -10)])
