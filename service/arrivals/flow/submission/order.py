"""The caller's order → a stored generation. Answered only after the commit; one idempotency key is one order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
import difflib
import hashlib
from typing import Any

from msgspec import structs

from arrivals.core.bounds import metadata_objection
from arrivals.core.failure import Failure
from arrivals.core.generation import Generation, Status
from arrivals.core.wire import canonical_json, micros, to_json
from arrivals.flow.context import Context, Upstream
from arrivals.flow.off_loop import run_off_loop
from arrivals.providers._shared.limits import refusal
from arrivals.providers._shared.requested import outputs_requested
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Route, route_of
from arrivals.store import generations, idempotency
from arrivals.store.engine.base import Missing, Overtaken
from arrivals.store.engine.signals import Signal
from arrivals.store.generations import Schedule, Scheduled

SLACK_S = 300.0  # beyond the provider's own ceiling, before we stop waiting
LONGEST_DEADLINE_S = 7 * 24 * 3600.0


class InvalidOrder(Exception):
    """The order cannot be taken; `field` names what to change."""

    def __init__(self, field_name: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field_name


class RefusedByPreflight(Exception):
    """The provider would certainly refuse the order; nothing was sent and nothing is stored."""

    def __init__(self, failure: Failure, where: str) -> None:
        super().__init__(failure.message or failure.code)
        self.failure, self.where = failure, where


class KeyReused(Exception):
    """The idempotency key belongs to another order; use a new key for a new order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as it came, in so many bytes.

    `owner` is the caller that sent it, by whichever of its API keys: idempotency keys of others do not concern it.
    """

    provider: str
    model: str
    input: Mapping[str, Any] = field(repr=False)
    account: str = "default"
    callback_url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float | None = None
    owner: str = ""
    idempotency_key: str | None = None
    size: int = 0

    def digest(self) -> str:
        """What makes two orders the same."""
        told = (self.provider, self.model, self.input, self.account, self.callback_url, self.metadata, self.deadline_s)
        return hashlib.sha256(canonical_json(told)).hexdigest()


async def order(context: Context, asked: OrderRequest) -> Generation:
    """Store the order of one generation. Raises Unorderable, RefusedByPreflight, KeyReused."""
    return (await _stored(context, asked, lambda: [_checked(context, asked, asked.input, "input")], [asked.input]))[0]


async def order_bulk(context: Context, asked: OrderRequest, inputs: Sequence[Mapping[str, Any]]) -> list[Generation]:
    """Store an order of several generations, which go to the provider in one call. Raises as `order`."""

    def members() -> list[Scheduled]:
        bulk = _route(context, asked).adapter.bulk
        if bulk is None:
            raise InvalidOrder("model", f"{asked.provider} takes orders of {asked.model!r} one at a time")
        if not 1 <= len(inputs) <= bulk.most:
            raise InvalidOrder("inputs", f"must have 1 to {bulk.most} items")
        bulk_id = context.make_id("blk")
        checked = [_checked(context, asked, given, f"inputs.{place}") for place, given in enumerate(inputs)]
        # Their ids are in the order of the inputs, by which the provider's answer is read.
        ids = sorted(known.generation.id for known in checked)
        return [
            structs.replace(known, generation=structs.replace(known.generation, id=generation_id, bulk_id=bulk_id))
            for known, generation_id in zip(checked, ids, strict=True)
        ]

    return await _stored(context, replace(asked, input={"inputs": list(inputs)}), members, inputs)


async def _stored(
    context: Context, asked: OrderRequest, make: Callable[[], list[Scheduled]], inputs: Sequence[Mapping[str, Any]]
) -> list[Generation]:
    """What the order makes, or has made when it came before under the same key."""
    key = asked.idempotency_key
    digest = await run_off_loop(asked.size, asked.digest) if key is not None else ""
    if key is not None:
        try:
            return await _same_order(context, asked, digest)
        except Missing:
            pass  # a new one
    made = make()
    first = made[0].generation
    texts = await run_off_loop(asked.size, lambda: [to_json(given) for given in inputs])
    try:
        async with context.store.transaction() as tx:
            if key is not None:
                await idempotency.remember_order(tx, asked.owner, key, digest, first.id, first.created_at)
            for known, text in zip(made, texts, strict=True):
                await generations.insert(tx, known, text)
    except Overtaken:
        return await _same_order(context, asked, digest)
    context.store.notify(Signal.SUBMIT)
    return [known.generation for known in made]


async def _same_order(context: Context, asked: OrderRequest, digest: str) -> list[Generation]:
    async with context.store.read_inline() as tx:
        known_digest, generation_id = await idempotency.remembered_order(tx, asked.owner, asked.idempotency_key or "")
        if digest != known_digest:
            raise KeyReused
        first = await generations.by_id(tx, generation_id)
        bulk_id = first.generation.bulk_id
        members = (await generations.of_bulks(tx, [bulk_id]))[bulk_id] if bulk_id else [first]
        return [known.generation for known in members]


def _checked(context: Context, asked: OrderRequest, given: Mapping[str, Any], where: str) -> Scheduled:
    """A new generation whose input breaks none of the limits that its provider documents."""
    known = _generation(context, asked, given)
    failure = refusal(_route(context, asked).limits, asked.model, given)
    if failure is not None:
        raise RefusedByPreflight(failure, f"{where}.{failure.param}" if failure.param else where)
    return known


def _route(context: Context, asked: OrderRequest) -> Route:
    upstream = _upstream(context, asked)
    route = route_of(upstream.provider, asked.model)
    if route is None:
        known = sorted(model for route_or_none in upstream.provider.ROUTES for model in route_or_none.models)
        raise InvalidOrder("model", f"{asked.provider} has no model {asked.model!r}; it has {', '.join(known)}")
    return route


def _generation(context: Context, asked: OrderRequest, given: Mapping[str, Any]) -> Scheduled:
    route = _route(context, asked)
    if asked.callback_url is not None:
        objection = context.transport.destinations.objection(asked.callback_url)
        if objection:
            raise InvalidOrder("callback_url", objection)
    objection = metadata_objection(asked.metadata)
    if objection:
        raise InvalidOrder("metadata", objection)
    wait_s = asked.deadline_s if asked.deadline_s is not None else route.max_duration_of(asked.model) + SLACK_S
    if not 0 < wait_s <= LONGEST_DEADLINE_S:
        raise InvalidOrder("deadline_s", f"must be more than 0 and at most {LONGEST_DEADLINE_S:.0f} seconds")
    now = context.now()
    generation = Generation(
        id=context.make_id("gen"),
        provider=asked.provider,
        account=asked.account,
        route=route.name,
        model=asked.model,
        status=Status.PENDING,
        created_at=now,
        deadline_at=now + micros(wait_s),
        outputs_requested=outputs_requested(given),
        metadata=asked.metadata,
        callback_url=asked.callback_url,
        webhook_expected=route.trust is not None and context.callback_urls.public_url is not None,
    )
    return Scheduled(generation=generation, schedule=Schedule(submit_at=now, timeout_at=generation.deadline_at))


def _upstream(context: Context, asked: OrderRequest) -> Upstream:
    upstream = context.upstreams.get((asked.provider, asked.account))
    if upstream is not None:
        return upstream
    accounts = sorted(account for provider, account in context.upstreams if provider == asked.provider)
    name = asked.provider.upper()
    if accounts:
        raise InvalidOrder(
            "account", f"{asked.provider} has no account {asked.account!r}; it has {', '.join(accounts)}"
        )
    configured = ", ".join(sorted({provider for provider, _ in context.upstreams})) or "none"
    if asked.provider not in PROVIDERS:
        near = difflib.get_close_matches(asked.provider, PROVIDERS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(PROVIDERS)}"
        raise InvalidOrder("provider", f"there is no provider {asked.provider!r}{hint}")
    raise InvalidOrder(
        "provider",
        f"no account of {asked.provider!r} is configured (configured: {configured}); set ARRIVALS_{name}_API_KEY",
    )


async def stored(context: Context, generation_id: str) -> Generation:
    """A generation as it is now. Raises Missing."""
    async with context.store.read_inline() as tx:
        return (await generations.by_id(tx, generation_id)).generation
