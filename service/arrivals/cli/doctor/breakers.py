"""The check of `arrivals doctor` on breakers: whose calls are rarer because they keep failing."""

from collections.abc import Iterator

from arrivals.cli.doctor.local import Check
from arrivals.core.budget import Ledger
from arrivals.core.wire import Micros, rfc3339
from arrivals.store.diagnosis import Diagnosis, FailingSubscriber


def breakers(diagnosis: Diagnosis) -> Iterator[Check]:
    """A check of each account and of each subscriber whose breaker is open."""
    wrong = [_of_account(ledger) for ledger in diagnosis.ledgers if ledger.pollable(diagnosis.now) is not None]
    wrong += [
        _of_subscriber(subscriber, diagnosis.now)
        for subscriber in diagnosis.failing
        if subscriber.breaker.passing(diagnosis.now) is not None
    ]
    yield from wrong or [Check(name="breakers", ok=True, result="all closed")]


def _of_account(ledger: Ledger) -> Check:
    result = f"open: the last {ledger.misses} requests failed; the next is made at {rfc3339(ledger.open_until)}"
    advice = "look for `poll_unanswered` in the log, at the network, and at the provider's status page"
    return Check(name=f"breaker of {ledger.provider}/{ledger.account}", ok=False, result=result, advice=advice)


def _of_subscriber(subscriber: FailingSubscriber, now: Micros) -> Check:
    at = max(subscriber.breaker.open_until, now)
    since, error = rfc3339(subscriber.failing_since), subscriber.last_error or "no answer"
    name, advice = (
        f"breaker of {subscriber.id}",
        f"fix it, then run `arrivals subscribers resend-waiting {subscriber.id}`",
    )
    if subscriber.kind != "registered":
        name = f"breaker of callback URLs at {subscriber.url}"
        advice = "fix it; what waits for it is sent again by its schedule"
    result = f"open: {subscriber.url} has failed since {since} ({error}); the next attempt is made at {rfc3339(at)}"
    return Check(name=name, ok=False, result=result, advice=advice)
