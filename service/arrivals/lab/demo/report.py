"""The words and the one table of the demo: before it begins, and when its accounts are compared. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from arrivals.lab.demo.audit import Summary
from arrivals.lab.demo.mixture import in_words, listed

COLORS = {"completed": "green", "failed": "yellow", "canceled": "yellow", "expired": "yellow"}
GOOD, BAD = "bold green", "bold red"
# The promises that the accounts are compared for, each with what the sentence says of so many.
PROMISES = {
    "lost": "lost {}",
    "closed_twice": "closed {} twice",
    "double_submissions": "submitted {} twice",
    "keys_leaked": "leaked {} keys",
}
SOURCES = {
    "webhook": "webhooks",
    "poll": "polls",
    "submit": "the answer to the submission",
    "stream": "a stream",
    "clock": "the clock, because their deadline passed",
}


def introduction(orders: int, faulty: int, *, lose_webhooks: bool, services: int, crash: bool) -> Iterator[Text]:
    """Says that the faults are ordered, and what is about to run."""
    webhooks = "webhooks that are all lost" if lose_webhooks else "webhooks lost, late, doubled or forged"
    yield Text.assemble(
        ("The providers of this demo are stand-ins, and they misbehave on purpose. ", "bold"),
        f"Of {orders} generations, {faulty} are ordered with a fault: {webhooks}; submissions refused or broken off; "
        "polls that fail or mislead; generations that fail. So not all will complete, and not all should: the demo "
        "checks that Arrivals learns how each of them truly ended, and says so exactly once.",
    )
    arrivals, victim = ("Arrivals", "Arrivals") if services == 1 else (f"{services} processes of Arrivals", "one")
    killed = (
        f" Halfway through the orders, {victim} is killed without warning and started again. An order whose answer "
        "dies with it expires after a minute, unless a webhook tells the rest."
    )
    yield Text(
        f"Beside the stand-ins run {arrivals} and an application that verifies every event it receives. All of it "
        f"stays on this machine and costs nothing.{killed if crash else ''}"
    )


def outcome(summary: Summary, faults: Mapping[str, int], *, crash: bool) -> Iterator[Text]:
    """Says in a few sentences what was done to Arrivals, and what became of it."""
    figures = summary.figures
    kept = listed([words.format(figures[name]) for name, words in PROMISES.items()])
    broken = any(figures[name] for name in PROMISES)
    yield Text.assemble(
        f"As ordered, the providers {in_words(faults)}. ", (f"Arrivals {kept}.", BAD if broken else GOOD)
    )
    statuses = Counter[str]()
    for provider in figures["by_provider"].values():
        statuses.update(_statuses(provider))
    ended = {status: count for status, count in statuses.items() if status != "completed" and count}
    others = f"{sum(ended.values())} {' or '.join(ended)}" if ended else "none failed"
    cause = " or because of the crash" if crash else ""
    ordered = f", as ordered{cause}" if summary.agreed and ended else ""
    yield Text(f"Of {figures['generations']} generations, {statuses['completed']} completed and {others}{ordered}.")


def by_provider(summary: Summary) -> Table:
    """How many generations of each provider ended in which way."""
    counts = {name: _statuses(figures) for name, figures in summary.figures["by_provider"].items()}
    total = sum((Counter(statuses) for statuses in counts.values()), Counter[str]())
    return table(counts | {"all": total}, [status for status in COLORS if total[status] or status != "canceled"])


def table(counts: Mapping[str, Mapping[str, int]], columns: list[str]) -> Table:
    """Counts by provider and column."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("provider")
    for column in columns:
        grid.add_column(column, justify="right", style=COLORS.get(column), no_wrap=True)
    for name, row in counts.items():
        grid.add_row(name, *(str(row.get(column) or "·") for column in columns))
    return grid


def details(summary: Summary) -> Iterator[Text]:
    """Says where the ends were learned from, why generations failed, and what became of webhooks and events."""
    figures = summary.figures
    learned = [f"{figures['learned_from'][name]} from {words}" for name, words in SOURCES.items()
               if figures["learned_from"].get(name)]  # fmt: skip
    yield _detail("How the ends were learned", listed(learned))
    delay_s = figures["known_after_s"]
    if delay_s["p50"] is not None:
        yield _detail(
            "How soon after the true end",
            f"{delay_s['p50']:.1f} s at the median, {delay_s['p95']:.1f} s for 95 of 100, lost webhooks included",
        )
    codes = Counter[str]()
    for provider in figures["by_provider"].values():
        codes.update(provider["failed"])
    if codes:
        yield _detail("Failures by code", ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    yield _detail(
        "Webhooks",
        f"{figures['webhooks_stored']} stored; {figures['duplicates_ignored']} repeats and "
        f"{figures['stale_ignored']} stale ones ignored, {figures['unreadable']} unreadable, "
        f"{figures['conflicts']} contradictions noted, {figures['forged_refused']} forgeries refused, and "
        "no unsigned one believed before a poll confirmed it",
    )
    yield _detail(
        "Events",
        f"{figures['events_emitted']} emitted, {figures['events_delivered']} deliveries to the application, "
        f"{figures['deliveries_refused_once']} of them refused at first and sent again; "
        f"{figures['deliveries_verified']} signatures verified, {figures['deliveries_unverified']} did not",
    )


def verdict(summary: Summary) -> Iterator[Text]:
    """Says whether the accounts agree, and where they do not."""
    for line in summary.disagreements:
        yield Text.assemble(("disagreement: ", BAD), line)
    if summary.agreed:
        yield Text("Arrivals, the application and the providers' own record agree on all of it.", GOOD)
    else:
        yield Text(f"{len(summary.disagreements)} disagreements between the three accounts.", BAD)
    yield Text(f"{summary.figures['seconds']:.0f} s; seed {summary.figures['seed']}, and --seed N varies the faults.")


def what_next(service: str, key: str, rehearsal: str, folder: str) -> tuple[str, ...]:
    """Lines of a shell to try while everything runs."""
    prompt = "a fox [rehearse ref=mine webhook=twice]"
    return (
        "Everything still runs, until Ctrl-C ends it. To try in another terminal:",
        "",
        f"files={folder}",
        f"url={service} rehearsal={rehearsal}",
        f'auth="Authorization: Bearer {key}"',
        """order='{"provider": "runblob", "model": "kling/o3-photo",""",
        f""" "input": {{"prompt": "{prompt}"}}}}'""",
        'curl -sH "$auth" "$url/v1/generations?status=failed&limit=3"',
        'curl -sH "$auth" -H "Prefer: wait=10" "$url/v1/generations" -d "$order"',
        'curl -sH "$auth" "$url/v1/events?limit=5"',
        'curl -sH "$auth" "$url/v1/webhooks?verified=false&limit=3"',
        'curl -sH "$auth" "$url/v1/providers"',
        'curl -s "$rehearsal/rehearsal/record"',
    )


def _detail(title: str, words: str) -> Text:
    return Text.assemble((f"{title}: ", "bold"), f"{words}.")


def _statuses(figures: Mapping[str, Any]) -> dict[str, int]:
    failed = sum(figures["failed"].values())
    return {"completed": figures["completed"], "failed": failed, "canceled": figures["canceled"],
            "expired": figures["expired"]}  # fmt: skip
