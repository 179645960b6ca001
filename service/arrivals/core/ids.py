"""Prefixed, time-ordered identifiers, made from a moment and entropy."""

from functools import lru_cache

from arrivals.core.wire import Micros

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: sorts as the number it writes
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # two letters are ten bits
_LETTERS = bytes(ord(ALPHABET[byte % 32]) for byte in range(256))  # the letter of a byte's last five bits
_ALL = frozenset(ALPHABET)
LENGTH = 26
# prefix: what such an id names
KINDS = {
    "gen": "generation",
    "blk": "bulk order",
    "whk": "webhook",
    "evt": "event",
    "sub": "subscriber",
    "dlv": "delivery",
    "rpl": "replay",
    "key": "API key",
}
ENTROPY_BYTES = 15  # two bits of the first, five of each other: a letter for a byte costs less than bits put together
BEYOND = 1 << 56  # microseconds: no id can say this moment, or a later one


def pattern_of(prefix: str) -> str:
    """The regular expression of such ids."""
    return f"^{prefix}_[{ALPHABET}]{{{LENGTH}}}$"


def is_id(text: str, prefix: str) -> bool:
    """True if `make_id` may have made it."""
    head, _, rest = text.partition("_")
    return head == prefix and len(rest) == LENGTH and set(rest) <= _ALL


def kind_of(text: str) -> str | None:
    """The kind of thing that an id of ours with this beginning names; None for any other text."""
    head, mark, _ = text.partition("_")
    return KINDS.get(head) if mark else None


def make_id(prefix: str, now: Micros, entropy: bytes) -> str:
    """`gen_` + 26 characters: 56 bits of microseconds, so that ids sort as they were made, then 72 bits of entropy."""
    both = _PAIRS[(now & 0xFF) << 2 | entropy[0] & 3]
    return f"{prefix}_{_moment(now >> 8)}{both}{entropy[1:ENTROPY_BYTES].translate(_LETTERS).decode()}"


@lru_cache(maxsize=16)
def _moment(now: int) -> str:
    """The 48 bits that hardly change from one id to the next."""
    return "".join([_PAIRS[now >> shift & 1023] for shift in range(40, -1, -10)])
