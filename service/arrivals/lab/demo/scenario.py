"""The orders of the demo: every route under a fixed mixture of faults, varied by a seed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
import math
import random
from typing import Any

from arrivals.lab.rehearsal.app import PROVIDERS
from arrivals.lab.rehearsal.state import Where

Input = Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A route: the model as ordered, its name in the stand-ins' record, and an input that it takes.

    `thorough`: it is tried under every fault; its siblings, which share its API, under a few.
    """

    provider: str
    route: str
    model: str
    input: Input
    calls_back: bool = False
    thorough: bool = False
    name: str | None = None  # where one route is ordered in two ways
    without: frozenset[str] = frozenset()  # outcomes and faults that this way of ordering shows otherwise

    @property
    def outcomes(self) -> Mapping[str, Any]:
        """The outcomes that can go wrong there, by name."""
        outcomes: Mapping[str, Any] = PROVIDERS[self.provider].OUTCOMES[self.route]
        return outcomes


def _plain(**more: Any) -> Input:
    return lambda prompt: {"prompt": prompt, **more}


def _wan(prompt: str) -> dict[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": [{"text": prompt}]}]}, "parameters": {"n": 1}}


def _runblob(family: str, **more: Any) -> Place:
    return Place(provider="runblob", route=family, model=family, input=_plain(**more), calls_back=True)


PLACES = (
    Place(provider="laozhang", route="legacy", model="veo3-fast", input=_plain(), thorough=True),
    Place(provider="laozhang", route="sora-forward", model="sora-2", input=_plain(seconds="8"), thorough=True),
    Place(provider="laozhang", route="veo-forward", model="veo-3.1-generate-preview", input=_plain()),
    Place(provider="laozhang", route="seedance", model="doubao-seedance-2-0-260128", input=_plain(duration=8)),
    Place(provider="laozhang", route="sora-reverse", model="reverse/sora-2", input=_plain(seconds="15")),
    Place(provider="laozhang", route="veo-reverse", model="veo-3.1", input=_plain()),
    Place(
        provider="runblob",
        route="kling/o3-photo",
        model="kling/o3-photo",
        input=_plain(),
        calls_back=True,
        thorough=True,
    ),
    Place(provider="runblob", route="gemini", model="gemini", input=_plain(), calls_back=True, thorough=True),
    _runblob("kling/o1-photo"),
    _runblob("kling/o1-video"),
    _runblob("kling/o3-video", duration="5"),
    _runblob("kling"),
    _runblob("veo"),
    _runblob("sora", duration=15),
    _runblob("chatgpt-images"),
    _runblob("seedance"),
    _runblob("legacy/veo"),
    Place(provider="aihubmix", route="videos", model="wan2.6-t2v", input=_plain(), thorough=True),
    Place(provider="aihubmix", route="sora", model="sora-2", input=_plain(seconds=4)),
    Place(provider="aihubmix", route="veo", model="veo-3.1-generate-preview", input=_plain(seconds="8")),
    Place(provider="aihubmix", route="seedance", model="doubao-seedance-1-5-pro", input=_plain(duration=5)),
    Place(
        provider="aihubmix", route="dashscope", model="happyhorse-1", input=lambda prompt: {"input": {"prompt": prompt}}
    ),
    Place(provider="aihubmix", route="kling", model="kling-v2-6", input=_plain(image_list=[])),
    Place(provider="aihubmix", route="predictions", model="openai/gpt-image-1", input=_plain(n=2)),
    Place(provider="aihubmix", route="images", model="gpt-image-1", input=_plain(n=2)),
    Place(
        provider="eachlabs", route="predictions", model="flux-1-1-pro", input=_plain(), calls_back=True, thorough=True
    ),
    Place(
        provider="eachlabs", route="workflows", model="workflows/fox/v1", input=_plain(), calls_back=True, thorough=True
    ),
    Place(
        provider="eachlabs",
        route="workflows",
        model="workflows/@ann/fox/v1",
        input=_plain(),
        calls_back=True,
        name="public",
    ),
    Place(provider="eachlabs", route="sense", model="eachsense/beta", input=_plain(), thorough=True),
    Place(
        provider="eachlabs",
        route="sense",
        model="eachsense/beta",
        input=_plain(stream=False),
        name="sense-whole",
        without=frozenset({"rate_limited_in_stream", "timed_out_for_good", "outcome=empty", "outcome=empty:1"}),
    ),
    Place(provider="vtrix", route="flat", model="wan26_t2i", input=_wan, thorough=True),
    Place(provider="vtrix", route="enveloped", model="enveloped/wan26_t2i", input=_wan, thorough=True),
    Place(
        provider="vtrix",
        route="kirin",
        model="kirin-v2-6-t2v",
        input=_plain(duration="5", mode="std"),
        calls_back=True,
        thorough=True,
    ),
    Place(provider="seacloud", route="queue", model="nano_banana_2", input=_plain(), thorough=True),
)
BULK = Place(provider="eachlabs", route="workflows", model="workflows/fox/v1", input=_plain(), name="bulk")
# What needs a host of its own in reality: the setting's name, and the stand-ins' path.
HOSTS = {
    "EACHLABS_SENSE_BASE_URL": "eachlabs-sense",
    "RUNBLOB_LEGACY_BASE_URL": "runblob",
}
PATHS = {"seacloud": "seacloud/model"}

UNANSWERED_DEADLINE_S = 8.0  # for submissions that nobody will ever confirm
# A task that is gone is told from a slow one only after the provider's documented lag, which outlasts the demo.
SLOW_OUTCOMES = frozenset(
    {
        "NOT_FOUND",
        "TASK_NOT_FOUND",
        "execution_not_found",
        "generation_not_found",
        "prediction_not_found",
        "task_expired",
        "task_not_found",
    }
)
# Behind `/content` an empty result looks like any other until it is fetched, or like a lagging one; an answer that is
# the result itself and holds none is no answer.
NO_EMPTY = frozenset(
    {("laozhang", route) for route in ("sora-forward", "veo-forward", "seedance", "sora-reverse", "veo-reverse")}
    | {("aihubmix", route) for route in PROVIDERS["aihubmix"].OUTCOMES}
)
# Whose answers tell the output's URL, which may be a data URI instead.
TELLS_URLS = frozenset(
    {
        ("eachlabs", "predictions"),
        ("eachlabs", "workflows"),
        ("runblob", "gemini"),
        ("vtrix", "flat"),
        ("seacloud", "queue"),
    }
)
# Refusals that say "not now", every time: the order waits for its turn until its deadline.
NEVER_NOW = frozenset(
    {
        "RATE_LIMITED",
        "RATE_LIMIT_EXCEEDED",
        "SESSION_BUSY",
        "concurrent_tasks",
        "provider_rate_limited",
        "rate_limit_exceeded",
        "no_channel_available",
        "request_frequency",
        "service_unavailable",
        "started_at_once",
        "too_many_requests",
        "unavailable",
    }
)
WEBHOOK_FAULTS = ("lost", "late", "twice", "reordered", "early", "forged", "unreadable", "huge", "contradiction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An order: its name in the stand-ins' record, and the body that goes to the service.

    `never_now`: its provider always asks to come back later. `bulk`: ordered together with those of the same name.
    """

    ref: str
    provider: str
    route: str
    body: dict[str, Any]
    never_now: bool = False
    bulk: str | None = None


def upstream_settings(providers: Iterable[str], rehearsal: str) -> dict[str, str]:
    """Returns the settings that make the stand-ins at this URL the service's providers."""
    names = sorted(set(providers))
    return {
        **{f"ARRIVALS_{name.upper()}_API_KEY": f"rehearsal-{name}" for name in names},
        **{f"ARRIVALS_{name.upper()}_BASE_URL": f"{rehearsal}/{PATHS.get(name, name)}" for name in names},
        **{f"ARRIVALS_{name}": f"{rehearsal}/{path}" for name, path in HOSTS.items()},
    }


def plan(seed: int, *, lose_webhooks: bool, callback_url: str, crash_deadline_s: float | None = None) -> list[Ordered]:
    """Returns the orders, shuffled. `crash_deadline_s`, if the service is to die, is for orders without a deadline.

    A provider that sends the truth while the service is down, and lies later, is believed: nobody could know better.
    """
    rng = random.Random(seed)
    crash = crash_deadline_s is not None
    orders = [
        _order(number, place, words, lose_webhooks=lose_webhooks)
        for place in PLACES
        for number, words in enumerate(_faults(rng, place))
        if not (crash and "webhook=contradiction" in words)
    ]
    for order in rng.sample(orders, len(orders) // 4):
        order.body["callback_url"] = callback_url
    together = ["", "", f"outcome={_failing(BULK)}", "outcome=inputs_required", "webhook=lost", "webhook=twice"]
    orders += [
        _order(number, BULK, words, lose_webhooks=lose_webhooks, bulk="bulk") for number, words in enumerate(together)
    ]
    for order in orders:
        if crash:
            order.body.setdefault("deadline_s", crash_deadline_s)
    rng.shuffle(orders)
    # An account serves first in, first out: an order with little time must not come behind dozens of others, nor behind
    # one that makes its provider hold the whole account back for longer than that time (`Retry-After: 30`).
    return sorted(orders, key=lambda order: (order.body.get("deadline_s", math.inf), order.never_now))


def _faults(rng: random.Random, place: Place) -> Iterator[str]:
    yield ""
    outcomes = [name for name in sorted(place.outcomes) if name not in SLOW_OUTCOMES | place.without]
    for name in rng.sample(outcomes, 4 if place.thorough else 2):
        yield f"outcome={name}"
    others = [fault for fault in [*_submit_faults(rng), *_poll_faults(rng, place)] if fault not in place.without]
    yield from others if place.thorough else rng.sample(others, 2)
    if place.calls_back:
        faults = [f"webhook={fault}" for fault in WEBHOOK_FAULTS]
        faults += [f"webhook={fault} outcome={_failing(place)}" for fault in ("forged", "twice")]
        faults.append("webhook=lost submit=cut")
        yield from faults if place.thorough else rng.sample(faults, 3)


def _submit_faults(rng: random.Random) -> list[str]:
    return [f"submit={rng.choice(['503', '500', '402'])}", "submit=429:1", "submit=page:1", "submit=cut"]


def _poll_faults(rng: random.Random, place: Place) -> list[str]:
    faults = [rng.choice(["poll=fail:2", "poll=lag:1", "poll=fail:1,lag:1"]), "poll=odd:1"]
    faults += [f"poll={rng.choice(['case', 'mangled'])}", f"poll={rng.choice(['moved:2', 'page:1', 'refused:1'])}"]
    faults += ["output=inline"] if (place.provider, place.route) in TELLS_URLS else []
    return faults + ([] if (place.provider, place.route) in NO_EMPTY else ["outcome=empty", "outcome=empty:1"])


def _failing(place: Place) -> str:
    """Returns the name of a failure that a job there can end with."""
    return next(
        name
        for name, outcome in sorted(place.outcomes.items())
        if outcome.where is Where.FAILURE and name not in SLOW_OUTCOMES
    )


def _order(number: int, place: Place, words: str, *, lose_webhooks: bool, bulk: str | None = None) -> Ordered:
    ref = f"{place.provider}.{place.name or place.route}.{number}".replace("/", "-")
    if lose_webhooks and (place.calls_back or bulk):
        kept = [word for word in words.split() if not word.startswith("webhook=")]
        words = " ".join([*kept, "webhook=lost"])
    prompt = f"a red fox in the snow [rehearse ref={ref} {words}]"
    body: dict[str, Any] = {
        "provider": place.provider,
        "model": place.model,
        "input": place.input(prompt),
        "metadata": {"ref": ref},
    }
    never_now = any(word.removeprefix("outcome=") in NEVER_NOW for word in words.split())
    never_now |= "submit=503" in words.split()
    if "submit=cut" in words or never_now:
        body["deadline_s"] = UNANSWERED_DEADLINE_S
    return Ordered(ref=ref, provider=place.provider, route=place.route, body=body, never_now=never_now, bulk=bulk)
