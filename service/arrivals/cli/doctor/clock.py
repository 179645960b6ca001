"""The checks of `arrivals doctor` that this machine's clock is right: against others, and against the database.

Signatures, leases and deadlines depend on it.
"""

from collections.abc import Iterator

import httpx

from arrivals.assembly import clock
from arrivals.cli.doctor.local import Check, describe
from arrivals.config.settings import Settings
from arrivals.core.moments import http_date
from arrivals.core.wire import SECOND, rfc3339
from arrivals.store.diagnosis import Diagnosis

TOLERANCE_S = 30.0
ADVICE = "set this machine's clock (NTP): signatures depend on it"


def against(name: str, client: httpx.Client, url: str) -> Check:
    """The check against the `date` of an answer to HEAD."""
    name = f"clock against {name}"
    try:
        reply = client.head(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        result = f"{url} cannot be reached ({describe(error)})"
        advice = "check DNS, the firewall, the proxy and the address in the setting"
        return Check(name=name, ok=False, result=result, advice=advice)
    theirs = http_date(reply.headers.get("date"))
    if theirs is None:
        return Check(name=name, ok=True, result=f"{url} answers without a date")
    return _compared(name, (clock() - theirs) / SECOND, url)


def against_database(settings: Settings, diagnosis: Diagnosis) -> Iterator[Check]:
    """The checks against the server's clock, and against the newest moment that is stored."""
    if settings.database_path is None:
        yield _compared("clock against the database's server", (clock() - diagnosis.now) / SECOND, "the server")
    if diagnosis.newest_at is None:
        return
    ahead_s = (diagnosis.newest_at - clock()) / SECOND
    name, newest = "clock against the database", f"its newest moment is {rfc3339(diagnosis.newest_at)}"
    if ahead_s > TOLERANCE_S:
        result = f"{newest}, {ahead_s:.0f} s ahead: this clock was set back, or another machine's is ahead"
        yield Check(name=name, ok=False, result=result, advice=ADVICE)
    else:
        yield Check(name=name, ok=True, result=newest)


def _compared(name: str, off_s: float, other: str) -> Check:
    result = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} {other}"
    if abs(off_s) > TOLERANCE_S:
        return Check(name=name, ok=False, result=result, advice=ADVICE)
    return Check(name=name, ok=True, result=result)
