"""What is fuzzed: something that eats bytes from outside, and the bytes of that kind that people really send."""

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
    """A promise. Raises Broken with what was told."""
    if not holds:
        raise Broken(message)
