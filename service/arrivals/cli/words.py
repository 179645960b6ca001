"""Words that an option accepts, and what was probably meant by another."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from arrivals.client import Client, path
from arrivals.core.nearest import nearest


class Word(click.Choice[str]):
    """One of a few words; another is refused with the one that was probably meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The words that are accepted, and the one that was probably meant."""
        return f"{super().get_invalid_choice_message(value, ctx)}{did_you_mean(str(value), self.choices)}"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A sentence that names the word that was probably meant; empty if none is near."""
    near = nearest(word, words)
    return f" Did you mean {near!r}?" if near else ""


def refuse_unknown_provider(service: Client, provider: str | None, matches: Sequence[Any] = ()) -> None:
    """Raises BadParameter for a provider that does not exist: a filter by it matches nothing, and does not say why.

    `matches`: what the filter matched all the same, such as the generations of a provider that is gone.
    """
    if provider is None or matches:
        return
    names = [row["name"] for row in service.get(path("providers"))["data"]]
    if provider not in names:
        listed = ", ".join(map(repr, names))
        raise click.BadParameter(
            f"{provider!r} is not one of {listed}.{did_you_mean(provider, names)}", param_hint="'--provider'"
        )
