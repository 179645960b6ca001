"""The target of a fuzzer: a function that reads bytes from outside, and real examples of such bytes."""

from collections.abc import Callable
from dataclasses import dataclass


class Broken(Exception):
    """A contract was broken by an answer, not by an exception."""


@dataclass(frozen=True, repr=False)
class Target:
    """`eat` answers nothing; whatever it raises is a finding. `seeds` are what mutations start from."""

    name: str
    eat: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    def __repr__(self):
        return self.name


def must(holds, message):
    """Raises Broken with the message where a promise does not hold."""
    if not holds:
        raise Broken(message)
