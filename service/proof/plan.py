"""What the demo orders: every route under a fixed mixture of faults, varied by a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
import random
from typing import Any

from service.rehearsal import aihubmix, eachlabs, laozhang, runblob, vtrix

# (provider, model as ordered, route in the stand-ins' record, does it call back)
ROUTES = (
    ("laozhang", "veo3-fast", "legacy", False),
    ("laozhang", "sora-2", "videos", False),
    ("runblob", "kling/o3-photo", "kling/o3-photo", True),
    ("runblob", "gemini", "gemini", True),
    ("aihubmix", "wan2.6-t2v", "videos", False),
    ("eachlabs", "flux-1-1-pro", "predictions", True),
    ("vtrix", "wan26_t2i", "flat", False),
    ("vtrix", "enveloped/wan26_t2i", "enveloped", False),
)
OUTCOMES = {
    "laozhang": laozhang.OUTCOMES,
    "runblob": runblob.OUTCOMES,
    "aihubmix": aihubmix.OUTCOMES,
    "eachlabs": eachlabs.OUTCOMES,
    "vtrix": vtrix.OUTCOMES,
}
UNANSWERED_DEADLINE_S = 8.0  # for submissions that nobody will ever confirm
# A task that is gone is told from a slow one only after the provider's documented lag, which outlasts the demo.
SLOW_OUTCOMES = frozenset(
    {"TASK_NOT_FOUND", "task_expired", "generation_not_found", "task_not_found", "prediction_not_found"}
)
# Behind `/content` an empty result looks like any other until it is fetched.
NO_EMPTY = frozenset({("laozhang", "videos"), ("aihubmix", "videos")})


# Refusals that say "not now", every time: the order waits for its turn until its deadline.
NEVER_NOW = frozenset(
    {
        "provider_rate_limited",
        "too_many_requests",
        "concurrent_tasks",
        "request_frequency",
        "rate_limit_exceeded",
        "started_at_once",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """One order: its name in the stand-ins' record, and the body that goes to the service.

    `never_now`: its provider always asks to come back later.
    """

    ref: str
    provider: str
    route: str
    body: dict[str, Any]
    never_now: bool = False


def plan(seed: int, *, lose_webhooks: bool, callback_url: str, deadline_s: float | None = None) -> list[Ordered]:
    """The orders, shuffled; `deadline_s` for those that need none of their own."""
    dice = random.Random(seed)
    orders = [
        _order(number, provider, model, route, words, lose_webhooks=lose_webhooks and calls_back)
        for provider, model, route, calls_back in ROUTES
        for number, words in enumerate(_faults(dice, provider, route, calls_back=calls_back))
    ]
    for order in dice.sample(orders, len(orders) // 4):
        order.body["callback_url"] = callback_url
    for order in orders:
        if deadline_s is not None:
            order.body.setdefault("deadline_s", deadline_s)
    dice.shuffle(orders)
    return orders


def _faults(dice: random.Random, provider: str, route: str, *, calls_back: bool) -> Iterator[str]:
    yield ""
    outcomes = [name for name in sorted(OUTCOMES[provider][route]) if name not in SLOW_OUTCOMES]
    for name in dice.sample(outcomes, 4):
        yield f"outcome={name}"
    yield f"submit={dice.choice(['503', '500', '402'])}"
    yield "submit=429:1"
    yield "submit=cut"
    yield dice.choice(["poll=fail:2", "poll=lag:1", "poll=fail:1,lag:1"])
    yield "poll=odd:1"
    if (provider, route) not in NO_EMPTY:
        yield "outcome=empty"
        yield "outcome=empty:1"
    if calls_back:
        for fault in ("lost", "late", "twice", "reordered", "early", "forged", "unreadable", "huge", "contradiction"):
            yield f"webhook={fault}"
        failing = "MODERATION_FAILED" if provider == "runblob" else "PROVIDER_FAILED"
        yield f"webhook=forged outcome={failing}"
        yield f"webhook=twice outcome={failing}"
        yield "webhook=lost submit=cut"


def _order(number: int, provider: str, model: str, route: str, words: str, *, lose_webhooks: bool) -> Ordered:
    ref = f"{provider}.{route}.{number}".replace("/", "-")
    if lose_webhooks:
        kept = [word for word in words.split() if not word.startswith("webhook=")]
        words = " ".join([*kept, "webhook=lost"])
    prompt = f"a red fox in the snow [rehearse ref={ref} {words}]"
    body: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "input": _input(provider, prompt),
        "metadata": {"ref": ref},
    }
    never_now = any(word.removeprefix("outcome=") in NEVER_NOW for word in words.split())
    never_now |= provider == "aihubmix" and "submit=503" in words  # its own 503 says that it was throttled
    if "submit=cut" in words or never_now:
        body["deadline_s"] = UNANSWERED_DEADLINE_S
    return Ordered(ref=ref, provider=provider, route=route, body=body, never_now=never_now)


def _input(provider: str, prompt: str) -> dict[str, Any]:
    if provider == "vtrix":
        return {"input": {"messages": [{"role": "user", "content": [{"text": prompt}]}]}, "parameters": {"n": 1}}
    return {"prompt": prompt}
