"""The caller's order → a stored generation. Answered only after the commit; one idempotency key is one order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
import hashlib
from typing import Any

from msgspec import structs
import structlog

from arrivals.core.bounds import metadata_objection
from arrivals.core.failure import Failure
from arrivals.core.generation import Generation, Status
from arrivals.core.nearest import did_you_mean
from arrivals.core.order_size import order_size
from arrivals.core.wire import canonical_json, micros, to_json
from arrivals.flow.context import Context
from arrivals.flow.log_fields import about
from arrivals.flow.off_loop import run_off_loop
from arrivals.providers._shared.limits import refusals
from arrivals.providers._shared.requested import outputs_requested
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Provider, Route, route_of
from arrivals.store import generations, idempotency
from arrivals.store.engine.base import Missing, Overtaken
from arrivals.store.engine.signals import Signal
from arrivals.store.generations import Schedule, Scheduled

log = structlog.get_logger()

SLACK_S = 300.0  # beyond the provider's own ceiling, before we stop waiting
MAX_DEADLINE_S = 7 * 24 * 3600.0
DEADLINE = f"must be more than 0 and at most {MAX_DEADLINE_S:.0f} seconds"


class InvalidOrder(Exception):
    """The order cannot be taken; `mistakes` has each field to change, and what is wrong with it."""

    def __init__(self, mistakes: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {detail}" for name, detail in mistakes.items()))
        self.mistakes = mistakes


class RefusedByPreflight(Exception):
    """The provider would certainly refuse the order; nothing was sent and nothing is stored.

    `mistakes` has each (field to change, limit that it breaks); `failure` is as the provider would state the first.
    """

    def __init__(self, failure: Failure, mistakes: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {detail}" for name, detail in mistakes))
        self.failure, self.mistakes = failure, mistakes


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
    api_key: str | None = None
    idempotency_key: str | None = None
    size: int = 0

    def digest(self) -> str:
        """The digest of everything that makes two orders the same."""
        fields = (
            self.provider,
            self.model,
            self.input,
            self.account,
            self.callback_url,
            self.metadata,
            self.deadline_s,
        )
        return hashlib.sha256(canonical_json(fields)).hexdigest()


async def order(context: Context, request: OrderRequest) -> Generation:
    """Stores the order of one generation. Raises InvalidOrder, RefusedByPreflight, KeyReused."""

    def member(route: Route) -> list[Scheduled]:
        _check_limits(route, request.model, {"input": request.input})
        return [_generation(context, request, route, request.input)]

    (generation,) = await _stored(context, request, member, [request.input])
    return generation


async def order_bulk(context: Context, request: OrderRequest, inputs: Sequence[Mapping[str, Any]]) -> list[Generation]:
    """Stores an order of several generations, which go to the provider in one call. Raises as `order`."""

    def members(route: Route) -> list[Scheduled]:
        bulk = route.adapter.bulk
        if bulk is None:
            raise InvalidOrder({"model": f"{request.provider} takes orders of {request.model} one at a time"})
        if not 1 <= len(inputs) <= bulk.most:
            raise InvalidOrder({"inputs": f"must be an array of 1 to {bulk.most} items; this one has {len(inputs)}"})
        _check_limits(route, request.model, {f"inputs[{index}]": values for index, values in enumerate(inputs)})
        bulk_id = context.make_id("blk")
        made = [_generation(context, request, route, order_input) for order_input in inputs]
        # Their ids are in the order of the inputs, by which the provider's answer is read.
        ids = sorted(scheduled.generation.id for scheduled in made)
        return [
            structs.replace(
                scheduled, generation=structs.replace(scheduled.generation, id=generation_id, bulk_id=bulk_id)
            )
            for scheduled, generation_id in zip(made, ids, strict=True)
        ]

    return await _stored(context, replace(request, input={"inputs": list(inputs)}), members, inputs)


async def _stored(
    context: Context,
    request: OrderRequest,
    make: Callable[[Route], list[Scheduled]],
    inputs: Sequence[Mapping[str, Any]],
) -> list[Generation]:
    """The generations that the order makes, or has made when it came before under the same key."""
    key = request.idempotency_key
    digest = await run_off_loop(request.size, request.digest) if key is not None else ""
    if key is not None:
        try:
            return await _same_order(context, request, digest)
        except Missing:
            pass  # a new one
    made = make(_route(context, request))
    first = made[0].generation
    texts = await run_off_loop(request.size, lambda: [to_json(order_input) for order_input in inputs])
    try:
        async with context.store.transaction() as tx:
            if key is not None:
                await idempotency.remember_order(tx, request.owner, key, digest, first.id, first.created_at)
            for scheduled, text in zip(made, texts, strict=True):
                await generations.insert(tx, scheduled, text)
    except Overtaken:
        return await _same_order(context, request, digest)
    context.store.notify(Signal.SUBMIT)
    for scheduled in made:
        log.info("generation_ordered", **about(scheduled.generation), account=request.account, key_id=request.api_key)
    return [scheduled.generation for scheduled in made]


async def _same_order(context: Context, request: OrderRequest, digest: str) -> list[Generation]:
    async with context.store.read_inline() as tx:
        stored_digest, generation_id = await idempotency.remembered_order(
            tx, request.owner, request.idempotency_key or ""
        )
        if digest != stored_digest:
            raise KeyReused
        first = await generations.by_id(tx, generation_id)
        bulk_id = first.generation.bulk_id
        members = (await generations.of_bulks(tx, [bulk_id]))[bulk_id] if bulk_id else [first]
    log.info("order_repeated", **about(first.generation), account=request.account, key_id=request.api_key)
    return [scheduled.generation for scheduled in members]


def _check_limits(route: Route, model: str, inputs: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses inputs, by their places in the order, that break limits which the provider documents."""
    broken = [(place, failure) for place, values in inputs.items() for failure in refusals(route.limits, model, values)]
    if broken:
        mistakes = {(f"{place}.{failure.param}", failure.message or failure.code): None for place, failure in broken}
        raise RefusedByPreflight(broken[0][1], [*mistakes])


def _route(context: Context, request: OrderRequest) -> Route:
    """The route of an order that has no mistake outside its input. Raises InvalidOrder with every mistake."""
    upstream = context.upstreams.get((request.provider, request.account))
    route = route_of(upstream.provider, request.model) if upstream is not None else None
    mistakes: dict[str, str] = {}
    if upstream is None:
        mistakes |= _not_configured(context, request)
    elif route is None:
        mistakes["model"] = _no_model(upstream.provider, request)
    mistakes |= _mistakes(context, request)
    if route is None or mistakes:
        raise InvalidOrder(mistakes)
    return route


def _mistakes(context: Context, request: OrderRequest) -> dict[str, str]:
    """The mistakes of an order, whatever provider it is for."""
    deadline_s = request.deadline_s if request.deadline_s is not None else MAX_DEADLINE_S
    objections = {
        "callback_url": request.callback_url and context.transport.destinations.objection(request.callback_url),
        "metadata": metadata_objection(request.metadata),
        "deadline_s": None if 0 < deadline_s <= MAX_DEADLINE_S else DEADLINE,
    }
    return {name: objection for name, objection in objections.items() if objection}


def _generation(context: Context, request: OrderRequest, route: Route, order_input: Mapping[str, Any]) -> Scheduled:
    wait_s = request.deadline_s if request.deadline_s is not None else route.max_duration_of(request.model) + SLACK_S
    now = context.now()
    generation = Generation(
        id=context.make_id("gen"),
        provider=request.provider,
        account=request.account,
        route=route.name,
        model=request.model,
        status=Status.PENDING,
        created_at=now,
        deadline_at=now + micros(wait_s),
        outputs_requested=outputs_requested(order_input),
        metadata=request.metadata,
        api_key=request.api_key,
        order_size=order_size(order_input),
        callback_url=request.callback_url,
        webhook_expected=route.trust is not None and context.callback_urls.public_url is not None,
    )
    return Scheduled(generation=generation, schedule=Schedule(submit_at=now, timeout_at=generation.deadline_at))


def _no_model(provider: Provider, request: OrderRequest) -> str:
    models = sorted(model for route in provider.ROUTES for model in route.models)
    meant = did_you_mean(request.model, models)
    return f"{request.provider} has no model {to_json(request.model)}; it has {', '.join(models)}{meant}"


def _not_configured(context: Context, request: OrderRequest) -> dict[str, str]:
    """The mistake in an order for a provider, or an account of it, that is not configured."""
    accounts = sorted(account for provider, account in context.upstreams if provider == request.provider)
    if accounts:
        has = f"it has {', '.join(accounts)}{did_you_mean(request.account, accounts)}"
        return {"account": f"{request.provider} has no account {to_json(request.account)}; {has}"}
    if request.provider not in PROVIDERS:
        there_are = f"there are {', '.join(PROVIDERS)}{did_you_mean(request.provider, PROVIDERS)}"
        return {"provider": f"there is no provider {to_json(request.provider)}; {there_are}"}
    configured = ", ".join(sorted({provider for provider, _ in context.upstreams})) or "none"
    what_to_do = f"set ARRIVALS_{request.provider.upper()}_API_KEY"
    return {"provider": f"no account of {request.provider} is configured (configured: {configured}); {what_to_do}"}


async def stored(context: Context, generation_id: str) -> Generation:
    """A generation as it is now. Raises Missing."""
    async with context.store.read_inline() as tx:
        return (await generations.by_id(tx, generation_id)).generation
