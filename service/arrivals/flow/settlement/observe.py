"""Makes observations: their moment, and how long an end without its detail may be held."""

from arrivals.core.generation import Origin, VerifiedBy
from arrivals.core.observation import Observation, Reading
from arrivals.core.wire import Micros, micros
from arrivals.flow.context import Context


def observe(
    context: Context,
    generation_id: str,
    origin: Origin,
    reading: Reading,
    verified_by: VerifiedBy,
    *,
    hold: bool = True,
) -> Observation:
    """An observation of now. `hold` False: there is nothing to wait for, so it is taken as it is."""
    now = context.now()
    return Observation(
        generation_id=generation_id,
        origin=origin,
        at=now,
        reading=reading,
        verified_by=verified_by,
        hold_until=hold_until(context, now) if hold else now,
    )


def hold_until(context: Context, seen_at: Micros) -> Micros:
    """The moment until which an end that lacks its output or reason is held for it."""
    return seen_at + micros(context.policy.cadence.held_s)
