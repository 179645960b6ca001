"""Attempts that ended, as the delivering flow records them within a transaction."""

from arrivals.flow.delivery.ended import Ended
from arrivals.flow.delivery.record import record_ended


async def record_attempts(tx, made):
    """Since when the subscriber of each (attempt, delivery) has failed, if it has."""
    return await record_ended(
        tx, [Ended(attempt=attempt, delivery=delivery, registered=True) for attempt, delivery in made]
    )
