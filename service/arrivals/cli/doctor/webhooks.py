"""The checks of `arrivals doctor` on webhooks: that none were refused lately, and that they come where they should."""

from collections.abc import Iterator

from arrivals.cli.doctor.local import Check
from arrivals.core.wire import rfc3339
from arrivals.store.diagnosis import LATELY, Diagnosis, Quarantine, Silence

FEW = 2  # closed by polls: a webhook may just be late


def webhooks(diagnosis: Diagnosis) -> Iterator[Check]:
    """The check of the quarantine, and one of each provider that no longer sends webhooks."""
    yield from _quarantine(diagnosis)
    stopped = [_stopped(silence) for silence in diagnosis.silences if silence.closed > FEW]
    yield from stopped or [Check(name="webhooks", ok=True, result="none are missing from what closed in the last day")]


def _quarantine(diagnosis: Diagnosis) -> Iterator[Check]:
    if not diagnosis.quarantines:
        yield Check(name="quarantine", ok=True, result="empty: no webhook was refused")
    for quarantine in diagnosis.quarantines:
        provider, result = quarantine.provider, _in_words(quarantine)
        if diagnosis.now - quarantine.last_at > LATELY:
            yield Check(name=f"quarantine of {provider}", ok=True, result=f"{result}; none in the last day")
            continue
        secret = f"ARRIVALS_{provider.upper()}_WEBHOOK_SECRET"
        advice = (
            f"if {provider} has another secret, set {secret} and run `arrivals replays start quarantine --provider"
            f" {provider}`; what is forged needs nothing, and is deleted after ARRIVALS_KEEP_QUARANTINE_DAYS"
        )
        yield Check(name=f"quarantine of {provider}", ok=False, result=result, advice=advice)


def _in_words(quarantine: Quarantine) -> str:
    since, latest = rfc3339(quarantine.first_at), rfc3339(quarantine.last_at)
    reason = quarantine.reason or "unknown"
    return f"{quarantine.count} webhooks were refused since {since}, the latest at {latest} ({reason})"


def _stopped(silence: Silence) -> Check:
    last = (
        f"since its last one at {rfc3339(silence.last_webhook_at)}" if silence.last_webhook_at else "and none ever came"
    )
    return Check(
        name=f"webhooks of {silence.provider}",
        ok=False,
        result=f"{silence.closed} generations that expected one closed by polls in the last day, {last}",
        advice="check that providers reach ARRIVALS_PUBLIC_URL from outside (proxy, firewall), and the quarantine",
    )
