"""Compares three accounts of the same work: the service's, the subscriber's, and the stand-ins' own record.

Pure: takes the accounts and returns a summary and every disagreement in words.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from arrivals.lab.demo.scenario import Ordered

CATEGORIES = frozenset({"VALIDATION", "PROVIDER", "AUTH", "RATE_LIMIT", "NETWORK", "TIMEOUT", "INTERNAL", "UNKNOWN"})
UNKNOWN = ("expired", "submission_unknown")
GATEWAY_TIMEOUT = 504  # nobody can tell a gateway that gave up waiting from a refusal
LOST_STREAM = ("expired", "result_lost")
TELL_ONLY_BY_WEBHOOK = frozenset({"kling/o3-photo", "kling/o1-video"})  # their polls never say why one failed
CLOSING = {"generation.completed": "completed", "generation.failed": "failed", "generation.canceled": "canceled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts of each side, as read from its HTTP interface."""

    orders: Sequence[Ordered]
    generations: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    webhooks: Sequence[Mapping[str, Any]]
    subscriber: Mapping[str, Any]
    record: Mapping[str, Any]
    conflicts: Mapping[str, int]
    killed: bool = False


@dataclass(slots=True)
class Summary:
    """The figures and the disagreements."""

    figures: dict[str, Any]
    disagreements: list[str] = field(default_factory=list)

    @property
    def agreed(self) -> bool:
        """True when all three accounts say the same."""
        return not self.disagreements

    def as_dict(self) -> dict[str, Any]:
        """Returns one JSON object."""
        return {**self.figures, "agreed": self.agreed, "disagreements": self.disagreements}


def compare(accounts: Accounts) -> Summary:
    """Checks that each generation closed as it truly ended, with exactly one closing event, and was paid for once."""
    jobs = {(job["provider"], job["ref"]): job for job in accounts.record["jobs"]}
    by_ref = {generation["metadata"]["ref"]: generation for generation in accounts.generations}
    disagreements: list[str] = []
    lost = 0
    for order in accounts.orders:
        generation, job = by_ref.get(order.ref), jobs.get((order.provider, order.ref))
        if generation is None:
            lost += 1
            disagreements.append(f"{order.ref}: the service does not know it")
            continue
        expected = ("expired", "deadline_passed") if order.never_now else truth(job, killed=accounts.killed)
        actual = (generation["status"], _code(generation))
        if accounts.killed and _died_with_the_process(order, job, actual):
            continue
        if order.never_now and actual == UNKNOWN:
            continue  # its deadline came while a try was on the wire: nobody knew just then
        if expected[0] != actual[0] or expected[1] not in (None, actual[1]):
            lost += generation["status"] == "expired" and expected[0] != "expired"
            disagreements.append(f"{order.ref}: truly {expected}, the service says {actual}")
    closed_twice = _deliveries(accounts, disagreements)
    doubles = sum(max(0, job["submits"] - 1) for job in jobs.values())
    if doubles:
        disagreements.append(f"{doubles} submissions were made twice")
    if accounts.subscriber["unverified"]:
        disagreements.append(f"{accounts.subscriber['unverified']} deliveries could not be verified")
    if accounts.record["keys_leaked"]:
        disagreements.append(f"{accounts.record['keys_leaked']} requests carried a key to another origin")
    if accounts.record["unknown_paths"]:
        disagreements.append(f"the stand-ins do not know {accounts.record['unknown_paths']}")
    figures = _figures(accounts) | {"lost": lost, "closed_twice": closed_twice, "double_submissions": doubles}
    return Summary(figures, disagreements)


def _died_with_the_process(order: Ordered, job: Mapping[str, Any] | None, actual: tuple[str, str | None]) -> bool:
    """True for a lost answer that no webhook made up for, or a stream that had not named anything to poll yet."""
    unanswered = actual == UNKNOWN and not (job and job["webhooks"]["answered_2xx"])
    # The stream had the reason; the execution's poll says only that it failed.
    reason_lost = actual == ("failed", "ExecutionFailed") and job is not None and job["outcome"] == "failed"
    return unanswered or (order.route == "sense" and (actual[0] == "expired" or reason_lost))


def truth(job: Mapping[str, Any] | None, *, killed: bool = False) -> tuple[str, str | None]:
    """Returns the status and the provider's code, or None, that follow from what truly happened.

    `killed`: what was called out while nobody was there was told to nobody.
    """
    if job is None:
        return "never submitted", None
    if not job["submits"]:
        timed_out = (job["refused_with"] or {}).get("http_status") == GATEWAY_TIMEOUT
        return UNKNOWN if timed_out else ("failed", None)
    calls_back = job["webhooks"]["sent"] > 0
    if job["answer_cut"] and not calls_back and not _can_be_asked(job):
        return LOST_STREAM if str(job["external_id"]).startswith("chat_") else UNKNOWN
    if job["outcome"] == "completed" and not job["has_output"]:
        return "failed", "output_missing"
    heard = job["webhooks"]["answered_2xx"] > 0 if killed else calls_back
    code_reached = heard or job["route"] not in TELL_ONLY_BY_WEBHOOK
    return job["outcome"], job["code"] if code_reached and _is_machine_code(job) else None


def _can_be_asked(job: Mapping[str, Any]) -> bool:
    """True when a stream that broke off had named an execution before: only those are named by a UUID."""
    return job["route"] == "sense" and not str(job["external_id"]).startswith(("chat_", "task_"))


def _is_machine_code(job: Mapping[str, Any]) -> bool:
    """False for sentences and each::labs' bare category words, which nobody passes on as a code."""
    code = job["code"] or ""
    return (code.isdigit() or code.isupper()) and not (job["provider"] == "eachlabs" and code in CATEGORIES)


def _code(generation: Mapping[str, Any]) -> str | None:
    failure = generation["failure"] or {}
    if generation["status"] == "expired":
        return failure.get("code")  # beside it stands what the provider said last
    return failure.get("provider_code") or failure.get("code")


def _deliveries(accounts: Accounts, disagreements: list[str]) -> int:
    """Checks for one closing event per closed generation at each door that wants it; returns how many were doubled."""
    closing: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for delivered in accounts.subscriber["events"]:
        event, door = delivered["event"], delivered["door"]
        seen[door].add(event["id"])
        if event["type"] in CLOSING:
            closing[door, event["data"]["generation"]["id"]].append(CLOSING[event["type"]])
    for generation in accounts.generations:
        doors = ["events", *(["callback"] if _has_callback(accounts.orders, generation) else [])]
        for door in doors:
            statuses = closing[door, generation["id"]]
            wanted = [generation["status"]] if generation["status"] in CLOSING.values() else []
            if statuses != wanted:
                disagreements.append(
                    f"{generation['metadata']['ref']}: {door} was told {statuses}, it is {generation['status']}"
                )
    emitted = {event["id"] for event in accounts.events}
    if seen["events"] != emitted:
        missing = len(emitted - seen["events"])
        disagreements.append(f"of {len(emitted)} events emitted, {missing} did not reach the subscriber")
    return sum(len(statuses) - 1 for statuses in closing.values() if len(statuses) > 1)


def _has_callback(orders: Sequence[Ordered], generation: Mapping[str, Any]) -> bool:
    return any("callback_url" in order.body for order in orders if order.ref == generation["metadata"]["ref"])


def _known_after(accounts: Accounts) -> dict[str, float | None]:
    """How long after the true end of the work its result was known, of what a webhook or a poll told."""
    ends = {(job["provider"], job["ref"]): job["ends_at"] for job in accounts.record["jobs"]}
    delays = sorted(
        max(0.0, datetime.fromisoformat(generation["closed_at"]).timestamp() - ends_at)
        for generation in accounts.generations
        if generation["closed_at"] and generation["learned_from"] in ("webhook", "poll")
        if (ends_at := ends.get((generation["provider"], generation["metadata"]["ref"]))) is not None
    )
    return {f"p{percent}": round(delays[len(delays) * percent // 100], 2) if delays else None for percent in (50, 95)}


def _figures(accounts: Accounts) -> dict[str, Any]:
    generations = accounts.generations
    findings = Counter(webhook["finding"] for webhook in accounts.webhooks)
    closed = [generation for generation in generations if generation["status"] in CLOSING.values()]
    refused = sum(webhook["quarantined_at"] is not None for webhook in accounts.webhooks)
    return {
        "generations": len(generations),
        "closed": len(closed),
        "expired": sum(generation["status"] == "expired" for generation in generations),
        "by_provider": _by_provider(accounts),
        "learned_from": dict(Counter(str(generation["learned_from"]) for generation in generations)),
        "verified_by": dict(Counter(str(generation["verified_by"]) for generation in closed)),
        "duplicates_ignored": findings["repeated"] + sum(webhook["repeats"] for webhook in accounts.webhooks),
        "stale_ignored": findings["stale"],
        "forged_refused": refused,
        "conflicts": sum(accounts.conflicts.values()),
        "unreadable": sum(webhook["unreadable_reason"] is not None for webhook in accounts.webhooks),
        "webhooks_stored": len(accounts.webhooks) - refused,
        "events_emitted": len(accounts.events),
        "events_delivered": len(accounts.subscriber["events"]),
        "known_after_s": _known_after(accounts),
        "deliveries_verified": accounts.subscriber["verified"],
        "deliveries_unverified": accounts.subscriber["unverified"],
        "deliveries_refused_once": accounts.subscriber["refused_once"],
        "keys_leaked": accounts.record["keys_leaked"],
    }


def _by_provider(accounts: Accounts) -> dict[str, Any]:
    """Returns the same figures for each provider, and how many of its generations took each route."""
    routes = {order.ref: order.route for order in accounts.orders}
    verified = Counter(
        delivered["event"]["data"]["generation"]["provider"] for delivered in accounts.subscriber["events"]
    )
    emitted = Counter(event["data"]["generation"]["provider"] for event in accounts.events)
    figures: dict[str, Any] = {}
    for name in sorted({generation["provider"] for generation in accounts.generations}):
        own = [generation for generation in accounts.generations if generation["provider"] == name]
        webhooks = [webhook for webhook in accounts.webhooks if webhook["provider"] == name]
        statuses = Counter(generation["status"] for generation in own)
        figures[name] = {
            "routes": dict(Counter(routes[generation["metadata"]["ref"]] for generation in own)),
            "completed": statuses["completed"],
            "failed": dict(
                Counter(generation["failure"]["code"] for generation in own if generation["status"] == "failed")
            ),
            "canceled": statuses["canceled"],
            "expired": statuses["expired"],
            "learned_from": dict(Counter(str(generation["learned_from"]) for generation in own)),
            "duplicates_ignored": sum((webhook["finding"] == "repeated") + webhook["repeats"] for webhook in webhooks),
            "forged_refused": sum(webhook["quarantined_at"] is not None for webhook in webhooks),
            "conflicts": accounts.conflicts.get(name, 0),
            "events_emitted": emitted[name],
            "deliveries_verified": verified[name],
        }
    return figures
