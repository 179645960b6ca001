"""Repeated trouble is logged once, once more now and then, and when it is over."""

import anyio
import structlog

from arrivals.core.backoff import backoff_s
from arrivals.store.engine.base import Unavailable

log = structlog.get_logger()

TELL_EVERY_S = 60.0
LONGEST_REST_S = 5.0


class Trouble:
    """The repeated failures of one worker."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._fresh = False  # something failed since it was last asked for a rest
        self._failures = 0  # in a row
        self._logged_at: dict[type[Exception], float] = {}

    def happened(self, error: Exception) -> None:
        """A claim failed, or what was claimed could not be written down."""
        self._fresh = True
        if isinstance(error, Unavailable):
            if self._due(Unavailable):
                log.warning("database_unavailable", worker=self._worker, reason=str(error))
        elif self._due(type(error)):
            log.error("claim_failed", worker=self._worker, exc_info=error)

    def rest_s(self, usual_s: float) -> float:
        """The rest before the next claim, in seconds: twice as long after each failure, up to a bound; 0 after none."""
        if not self._fresh:
            if self._failures:
                log.info("claims_recovered", worker=self._worker, failures=self._failures)
            self._failures = 0
            return 0.0
        self._fresh = False
        self._failures += 1
        return backoff_s(self._failures, first_s=usual_s, max_s=LONGEST_REST_S)

    def _due(self, kind: type[Exception]) -> bool:
        now = anyio.current_time()
        if kind in self._logged_at and now < self._logged_at[kind] + TELL_EVERY_S:
            return False
        self._logged_at[kind] = now
        return True
