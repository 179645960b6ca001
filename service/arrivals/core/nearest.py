"""The word that was probably meant by one that is wrong."""

from collections.abc import Iterable
import difflib

MAX_CHARACTERS = 64  # a longer word is compared by its beginning: the comparison takes time with the length


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant, whatever its case; None if none is near."""
    by_lower = {other.lower(): other for other in words}
    near = difflib.get_close_matches(word[:MAX_CHARACTERS].lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a wrong word; empty if no other is near."""
    near = nearest(word, words)
    return f"; did you mean {near}?" if near else ""
