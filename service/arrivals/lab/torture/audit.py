"""Compares the books: what was promised, what truly happened at the providers, what reached the subscriber. Pure.

A death may cost the answer to a submission. What nobody confirmed then is never sent again and ends as
`submission_unknown`, which is no loss but the promise kept; everything else must end as it truly ended, unless a case
has an excuse of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from arrivals.lab.demo.audit import CLOSING, UNKNOWN, truth
from arrivals.lab.torture.workload import Order

Row = Mapping[str, Any]
MAX_WORDS = 20
OTHER = "other"
TOO_LATE = ("expired", "deadline_passed")
NOT_NOW = frozenset({429, 503})
BROKEN = ("500", "502", "504")
STREAMED = "sense"  # what breaks off before it has named anything cannot be asked about


class Excuse(StrEnum):
    """A reason why an order may have expired although the service is right."""

    DEATH = "death"  # the answer to its submission died with the process, and nobody confirmed it
    PAUSE = "pause"  # nobody submitted it: who had claimed it did not get on with it until it was given up
    OUTAGE = "outage"  # nobody submitted it: its turn did not come before its deadline


NO_EXCUSE: frozenset[Excuse] = frozenset()
DEATH = frozenset({Excuse.DEATH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A generation that the service has answered for."""

    id: str
    ref: str
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts of each side. `jobs` is the stand-ins' record, read before the database was."""

    accepted: Sequence[Accepted]
    jobs: Sequence[Row]
    generations: Sequence[Row]  # id, status, failure_code
    webhooks: Mapping[str, int]  # stored, or counted on one that is, and not refused, by generation
    events: Sequence[Row] = ()  # id, type, generation_id
    delivered: Sequence[Row] = ()  # as the subscriber tells: id, type, generation
    unverified: int = 0


COUNTS = (
    "acknowledged_webhooks_lost",
    "generations_lost",
    "closing_events_doubled",
    "provider_jobs_doubled",
    "deliveries_lost",
)


@dataclass(slots=True)
class Discrepancies:
    """The discrepancies, by kind and by subject, so that what is found twice is counted once."""

    facts: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, what: str, about: str, count: int, words: str) -> None:
        """Adds `count` discrepancies of a kind; none for 0."""
        if count > 0:
            before, _ = self.facts.get((what, about), (0, ""))
            self.facts[what, about] = (max(before, count), words)

    def say(self, words: str) -> None:
        """Adds a disagreement that belongs to none of the counts."""
        self.add(OTHER, words, 1, words)

    def join(self, other: "Discrepancies") -> None:
        """Adds the discrepancies of another comparison."""
        for (what, about), (count, words) in other.facts.items():
            self.add(what, about, count, words)

    @property
    def clean(self) -> bool:
        """True when nothing was lost or doubled, and nothing else was wrong."""
        return not self.facts

    @property
    def counts(self) -> dict[str, int]:
        """The number of discrepancies of each kind."""
        counts: Counter[str] = Counter()
        for (what, _), (count, _) in self.facts.items():
            counts[what] += count
        return dict(counts)

    def as_dict(self) -> dict[str, Any]:
        """Returns every count, zeros included, and the first of the words."""
        words = [words for _, words in self.facts.values()]
        return {**dict.fromkeys(COUNTS, 0), **self.counts, "disagreements": words[:MAX_WORDS]}


def at_once(accounts: Accounts) -> Discrepancies:
    """Checks what can be known at any moment: nothing that was answered for is missing, nothing is doubled yet."""
    discrepancies = Discrepancies()
    stored = {row["id"] for row in accounts.generations}
    for generation in accounts.accepted:
        discrepancies.add(
            "generations_lost",
            generation.id,
            generation.id not in stored,
            f"{generation.ref}: accepted as {generation.id} and gone",
        )
    _webhooks(accounts, discrepancies)
    _jobs(accounts, discrepancies)
    _closing(accounts, discrepancies)
    return discrepancies


def at_rest(accounts: Accounts, excuses: frozenset[Excuse] = DEATH) -> Discrepancies:
    """Checks everything, when nothing moves any more."""
    discrepancies = at_once(accounts)
    broken = sum(answers_of(accounts.jobs)[status] for status in BROKEN)
    discrepancies.add("webhooks_answered_500", "", broken, f"{broken} webhooks were answered {' or '.join(BROKEN)}")
    jobs = {(job["provider"], job["ref"]): job for job in accounts.jobs}
    rows = {row["id"]: row for row in accounts.generations}
    for generation in accounts.accepted:
        row, job = rows.get(generation.id), jobs.get((generation.order.provider, generation.ref))
        if row is not None:
            trouble = _trouble(generation.order, job, row, excuses)
            discrepancies.add(
                "generations_lost", generation.id, trouble is not None, f"{generation.ref} ({generation.id}): {trouble}"
            )
    seen = {row["id"] for row in accounts.delivered}
    missing = [row for row in accounts.events if row["id"] not in seen and row["type"] != "ping"]
    for row in missing:
        discrepancies.add(
            "deliveries_lost", row["id"], 1, f"{row['id']} ({row['type']} of {row['generation_id']}) did not arrive"
        )
    if accounts.unverified:
        discrepancies.say(f"{accounts.unverified} deliveries could not be verified")
    return discrepancies


def answers_of(jobs: Sequence[Row]) -> Counter[str]:
    """Counts the answers to the providers' webhooks by status."""
    answers: Counter[str] = Counter()
    for job in jobs:
        answers.update(job["webhooks"]["answers"])
    return answers


def _trouble(order: Order, job: Row | None, row: Row, excuses: frozenset[Excuse]) -> str | None:
    status, code = row["status"], row["failure_code"]
    wanted, _ = truth(job)
    answered = job is not None and job["webhooks"]["answered_2xx"] > order.unread
    if status == wanted or (status == "canceled" and job is None):
        return None
    unknown, unsubmitted = (status, code) == UNKNOWN, _is_unsubmitted(job)
    excused = {
        Excuse.DEATH: status == "expired" and ((unknown and not answered) or order.route == STREAMED),
        Excuse.PAUSE: unknown and unsubmitted,
        Excuse.OUTAGE: (status, code) == TOO_LATE and unsubmitted,
    }
    if any(excused[excuse] for excuse in excuses):
        return None
    answers = dict(job["webhooks"]["answers"]) if job else {}
    return f"truly {wanted}, the service says {status} ({code}); its webhooks were answered {answers}"


def _is_unsubmitted(job: Row | None) -> bool:
    """True where no submission was sent, or each was answered with "not now"."""
    if job is None:
        return True
    refused_with = job["refused_with"] or {}
    return job["submits"] == 0 and refused_with.get("http_status") in NOT_NOW


def _webhooks(accounts: Accounts, discrepancies: Discrepancies) -> None:
    """Checks by order: the webhooks of a bulk order may be stored under any of its generations."""
    ids: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for generation in accounts.accepted:
        ids[generation.order.provider, generation.order.key].append(generation.id)
    leaders = {(generation.order.provider, generation.ref): generation.order.key for generation in accounts.accepted}
    answered: Counter[tuple[str, str]] = Counter()
    for job in accounts.jobs:
        key = leaders.get((job["provider"], job["ref"]))
        if key is not None:
            answered[job["provider"], key] += job["webhooks"]["answered_2xx"]
    for order, count in answered.items():
        stored = sum(accounts.webhooks.get(id_, 0) for id_ in ids[order])
        words = f"{order[1]}: {count} webhooks were answered 200, {stored} are stored"
        discrepancies.add("acknowledged_webhooks_lost", order[1], count - stored, words)


def _jobs(accounts: Accounts, discrepancies: Discrepancies) -> None:
    for job in accounts.jobs:
        discrepancies.add(
            "provider_jobs_doubled", job["ref"], job["submits"] - 1, f"{job['ref']}: made {job['submits']} times"
        )


def _closing(accounts: Accounts, discrepancies: Discrepancies) -> None:
    """Checks that the service wrote, and the subscriber received, at most one closing event for each generation."""
    closing: defaultdict[str, set[str]] = defaultdict(set)
    for row in _both(accounts):
        if row["type"] in CLOSING:
            closing[row["generation_id"]].add(row["id"])
    for generation, events in closing.items():
        discrepancies.add(
            "closing_events_doubled", generation, len(events) - 1, f"{generation}: {len(events)} closing events"
        )


def _both(accounts: Accounts) -> Iterable[Row]:
    yield from accounts.events
    yield from accounts.delivered
