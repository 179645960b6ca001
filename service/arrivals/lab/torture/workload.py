"""The orders of the application while its service dies: routes of every kind, under faults that have one truth.

Faults that tell a lie that is as well authenticated as the truth are left to the demo: which of the two comes first is
then decided by the death, and both are right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
import random
from typing import Any

from arrivals.lab.demo.scenario import PLACES, Place
from arrivals.lab.rehearsal.state import Where

KINDS = {
    ("eachlabs", "flux-1-1-pro"): 6,
    ("eachlabs", "workflows/fox/v1"): 3,
    ("eachlabs", "eachsense/beta"): 1,
    ("runblob", "kling/o3-photo"): 4,
    ("runblob", "gemini"): 3,
    ("vtrix", "kirin-v2-6-t2v"): 2,
    ("vtrix", "wan26_t2i"): 1,
    ("laozhang", "veo3-fast"): 1,
    ("laozhang", "sora-2"): 1,
    ("aihubmix", "wan2.6-t2v"): 1,
    ("seacloud", "nano_banana_2"): 1,
}
UNREADABLE = "unreadable"
WEBHOOKS = ("lost", "late:0.3", "twice", "early", "reordered", UNREADABLE)
SIGNED = "eachlabs"  # a forgery is refused there; elsewhere it is a hint like any other
FORGED = "forged"
CHUNKED = "chunked"  # by the plain way; small ones whose length is told come in by the fast one
ALWAYS = (
    "", "", "", "submit=429:1", "submit=cut", "submit=402", "submit=page:1", "poll=fail:2", "poll=lag:1", "poll=odd:1",
    "poll=case", "poll=mangled", "poll=moved:2", "poll=refused:1", "poll=page:1",
)  # fmt: skip
RUNS_S = (0.05, 0.6)
BULK_MODEL = "workflows/fox/v1"
SEVERAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order in one request: its body, and the names of its generations in the stand-ins' record, in order.

    `unread`: how many of its webhooks are answered like any other but say nothing.
    """

    key: str
    provider: str
    route: str
    body: dict[str, Any] = field(repr=False)
    refs: tuple[str, ...]
    unread: int = 0

    @property
    def path(self) -> str:
        """The path to which it is sent."""
        return "/v1/generations/bulk" if "inputs" in self.body else "/v1/generations"


class Mixture:
    """Orders without end. `name` tells this run's apart from others on the same stand-ins; `runs_s`: from, to."""

    def __init__(self, name: str, seed: int, deadline_s: float, runs_s: tuple[float, float] = RUNS_S) -> None:
        self._name, self._rng, self._deadline_s = name, random.Random(f"{seed}:{name}"), deadline_s
        self._runs_s = runs_s
        self._places = [
            next(place for place in PLACES if (place.provider, place.model) == kind and place.name is None)
            for kind, weight in KINDS.items()
            for _ in range(weight)
        ]
        self._numbers = iter(range(10**9))

    def __iter__(self) -> Iterator[Order]:
        """Yields orders without end."""
        while True:
            yield self.order(self._rng.choice(self._places))

    def order(self, place: Place, words: str | None = None, run_s: float | None = None, **more: Any) -> Order:
        """Returns an order of a place; `more` goes into its input."""
        words = self._words(place) if words is None else words
        ref, prompt = self._prompt(place, words, run_s)
        body = self._body(place.provider, place.model) | {"input": place.input(prompt) | more}
        return Order(
            key=ref, provider=place.provider, route=place.route, body=body, refs=(ref,), unread=UNREADABLE in words
        )

    def of(self, model: str, words: str = "", run_s: float | None = None, **more: Any) -> Order:
        """Returns an order of a model."""
        return self.order(next(place for place in self._places if place.model == model), words, run_s, **more)

    def bulk(self) -> Order:
        """Returns an order of several generations in one request."""
        place = next(place for place in self._places if place.model == BULK_MODEL)
        prompts = [self._prompt(place, "", None) for _ in range(SEVERAL)]
        body = self._body(place.provider, place.model) | {"inputs": [place.input(prompt) for _, prompt in prompts]}
        refs = tuple(ref for ref, _ in prompts)
        return Order(key=refs[0], provider=place.provider, route=place.route, body=body, refs=refs)

    def _body(self, provider: str, model: str) -> dict[str, Any]:
        return {"provider": provider, "model": model, "deadline_s": self._deadline_s}

    def _prompt(self, place: Place, words: str, run_s: float | None) -> tuple[str, str]:
        ref = f"{self._name}.{next(self._numbers):05}.{place.provider}"
        runs = self._rng.uniform(*self._runs_s) if run_s is None else run_s
        return ref, f"a red fox in the snow [rehearse ref={ref} run={runs:.2f} {words}]"

    def _words(self, place: Place) -> str:
        rng = self._rng
        if rng.random() < 0.2:  # noqa: PLR2004 - a fifth of them fails
            failing = [name for name, outcome in sorted(place.outcomes.items()) if outcome.where is Where.FAILURE]
            if failing:
                return f"outcome={rng.choice(failing)}"
        faults = [CHUNKED] if place.calls_back and rng.random() < 0.4 else []  # noqa: PLR2004 - not half of them
        if place.calls_back and rng.random() < 0.5:  # noqa: PLR2004 - and half has trouble with webhooks
            faults.append(rng.choice((*WEBHOOKS, *([FORGED] * 2 if place.provider == SIGNED else []))))
        return f"webhook={','.join(faults)}" if faults else rng.choice(ALWAYS)
