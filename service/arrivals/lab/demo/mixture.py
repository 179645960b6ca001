"""The mixture of faults that was ordered, counted and in words. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
import math
from typing import Any

from arrivals.lab.demo.scenario import Ordered
from arrivals.lab.rehearsal import faults
from arrivals.lab.rehearsal.app import PROVIDERS
from arrivals.lab.rehearsal.faults import FaultDirective, SubmitFault, WebhookFault
from arrivals.lab.rehearsal.stand_in import strings
from arrivals.lab.rehearsal.state import Where

# What the providers did so many times, by the faults of a webhook that make them do it.
WEBHOOKS = {
    "lost {} webhooks": {WebhookFault.LOST},
    "doubled {}": {WebhookFault.TWICE},
    "forged {}": {WebhookFault.FORGED},
    "garbled {}": {WebhookFault.UNREADABLE, WebhookFault.HUGE, WebhookFault.CHUNKED},
    "sent {} early, late or out of order": {WebhookFault.EARLY, WebhookFault.LATE, WebhookFault.REORDERED},
    "contradicted {}": {WebhookFault.CONTRADICTION},
}
REFUSED = "refused {} submissions"
CUT = "broke off the answers to {}"
MISLED = "misled or refused the polls of {} generations"
FAILED = "let {} fail"
KINDS = (*WEBHOOKS, REFUSED, CUT, MISLED, FAILED)


def faulty(orders: Sequence[Ordered]) -> int:
    """The number of orders that ask for a fault."""
    directives = [_directive(order) for order in orders]
    # An output that stands in the answer itself is rare, but no fault.
    return sum(directive != FaultDirective(ref=directive.ref, inline=directive.inline) for directive in directives)


def mixture(orders: Sequence[Ordered], record: Mapping[str, Any]) -> Counter[str]:
    """How often each kind of fault was ordered. No webhook or poll is counted of what was never accepted."""
    accepted = {(job["provider"], job["ref"]) for job in record["jobs"] if job["submits"]}
    counts: Counter[str] = Counter()
    for order in orders:
        counts.update(_submit_faults(order))
        if (order.provider, order.ref) in accepted:
            counts.update(_later_faults(order))
    return counts


def in_words(counts: Mapping[str, int]) -> str:
    """The providers' doings, as the predicate of a sentence; what did not happen is left out."""
    return listed([kind.format(counts[kind]) for kind in KINDS if counts.get(kind)] or ["did nothing wrong"])


def listed(parts: Sequence[str]) -> str:
    """The parts as an English list."""
    return " and ".join([part for part in (", ".join(parts[:-1]), *parts[-1:]) if part])


def _directive(order: Ordered) -> FaultDirective:
    return faults.read(" ".join(strings(order.body["input"])))


def _where(order: Ordered, directive: FaultDirective) -> Where | None:
    outcomes = PROVIDERS[order.provider].OUTCOMES[order.route]
    return outcomes[directive.outcome].where if directive.outcome in outcomes else None


def _submit_faults(order: Ordered) -> Iterator[str]:
    directive = _directive(order)
    ordered = {fault for fault, _ in directive.submit}
    where = _where(order, directive)
    if where is Where.SUBMIT or ordered - {SubmitFault.CUT}:
        yield REFUSED
    if where is Where.STREAM or SubmitFault.CUT in ordered:
        yield CUT


def _later_faults(order: Ordered) -> Iterator[str]:
    directive = _directive(order)
    yield from (kind for kind, members in WEBHOOKS.items() if members & directive.webhook)
    empty_for_good = directive.empty == math.inf
    if directive.poll or directive.gone or (directive.empty and not empty_for_good):
        yield MISLED
    if empty_for_good or _where(order, directive) in {Where.FAILURE, Where.POLL, Where.CANCELED}:
        yield FAILED
