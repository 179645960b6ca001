"""The check of `arrivals doctor` that workers run on this database: what only they do is done in time."""

from collections.abc import Iterator

from arrivals.cli.doctor.local import Check
from arrivals.core.wire import SECOND, Micros, rfc3339
from arrivals.store.diagnosis import Diagnosis

READ_WITHIN: Micros = 60 * SECOND  # usually a second
END_WITHIN: Micros = 300 * SECOND  # of a bounded wait; beyond every lease on one
PRUNE_WITHIN: Micros = 2 * 3600 * SECOND  # once an hour


def due_work(diagnosis: Diagnosis) -> Iterator[Check]:
    """The check that nothing has been due for long, whichever process is to do it."""
    late = [
        f"{words} {rfc3339(moment)}"
        for words, moment, within in (
            ("a webhook has waited to be read since", diagnosis.unread_since, READ_WITHIN),
            ("nobody has ended a wait that was over at", diagnosis.timeout_at, END_WITHIN),
            ("old rows are deleted once an hour, and were last at", diagnosis.pruned_at, PRUNE_WITHIN),
        )
        if moment is not None and diagnosis.now - moment > within
    ]
    if late:
        advice = "start `arrivals serve` without --web-only on this database; if it runs, look at its log"
        yield Check(name="due work", ok=False, result="; ".join(late), advice=advice)
    else:
        yield Check(name="due work", ok=True, result="none has waited for long")
