"""The story of a generation, in sentences: made from its timeline, for people. Pure; nothing is printed here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from arrivals.core.generation import Origin, Status
from arrivals.core.observation import Finding
from arrivals.core.wire import SECOND, read_rfc3339

Entry = Mapping[str, Any]

SPEAKERS: Mapping[str, str] = {
    Origin.SUBMIT: "the answer to the order",
    Origin.WEBHOOK: "webhook",
    Origin.POLL: "poll",
    Origin.STREAM: "the provider's stream",
    Origin.CLOCK: "the clock",
}
# finding: what became of a word that moved nothing
REMARKS: Mapping[str, str] = {
    Finding.REPEATED: "which was known",
    Finding.STALE: "which had been overtaken",
    Finding.CONFLICTING: "which contradicts the end that was announced, and changes nothing",
    Finding.HELD: "which is not enough to go by yet",
    Finding.ENRICHED: "which added details",
}
REQUESTS = {"submission": "The order", "poll": "A poll", "cancellation": "The request to cancel"}


class Sentence(NamedTuple):
    """A sentence, and the moment that it is about (RFC 3339)."""

    at: str
    words: str


def story(generation: Entry, timeline: Sequence[Entry]) -> list[Sentence]:
    """The sentences, in order; what was said several times in a row is said once."""
    sentences: list[Sentence] = [_ordered(generation)]
    times = 1
    for sentence in _sentences(generation, timeline):
        if sentence.words == sentences[-1].words:
            times += 1
            continue
        if times > 1:
            sentences[-1] = _repeated(sentences[-1], times)
        sentences.append(sentence)
        times = 1
    return [*sentences[:-1], _repeated(sentences[-1], times)] if times > 1 else sentences


def _repeated(sentence: Sentence, times: int) -> Sentence:
    return sentence._replace(words=f"{sentence.words.removesuffix('.')}; {times} times.")


def _ordered(generation: Entry) -> Sentence:
    account = "" if generation["account"] == "default" else f", account {generation['account']}"
    return Sentence(
        generation["created_at"], f"Ordered from {generation['provider']} (model {generation['model']}{account})."
    )


def _sentences(generation: Entry, timeline: Sequence[Entry]) -> Iterator[Sentence]:
    for entry in timeline:
        at, details = entry["at"], entry["details"]
        match entry["type"]:
            case "submission" | "poll" | "cancellation" as request:
                words = _call(generation, REQUESTS[request], details)
            case "webhook":
                words = _webhook(details)
            case "observation":
                words = _observation(generation, details)
            case "event":
                words = f"Announced as {details['type']}; {_delivered(timeline, details['id'])}."
            case "delivery":
                words = _undelivered(timeline, details)
            case _:  # attempts are part of their delivery's sentence
                words = None
        if words is not None:
            yield Sentence(at, words)


def _call(generation: Entry, request: str, call: Entry) -> str | None:
    """A call that did not simply work; of those that did, the observation speaks."""
    provider = generation["provider"]
    status = "" if call["http_status"] is None else f" with HTTP {call['http_status']}"
    again = f", {call['repeats'] + 1} times" if call["repeats"] else ""
    reason = f" ({call['reason']})" if call["reason"] else ""
    match call["outcome"]:
        case "refused":
            return f"{request} was refused by {provider}{status}{again}: {failure_words(call['failure'])}."
        case "unreadable":
            return f"{request} was answered by {provider}{status}{again}, which could not be read{reason}."
        case "unanswered":
            return f"{request} got no answer{again}{reason}; it may have arrived."
        case "not_sent":
            return f"{request} could not be sent{again}{reason}; nothing arrived."
    return None


def _webhook(webhook: Entry) -> str | None:
    """A webhook that was not understood; of those that were, the observation speaks."""
    if webhook["refused_reason"] is not None:
        return f"The webhook {webhook['id']} came and was not believed: {webhook['refused_reason']}."
    if webhook["unreadable_reason"] is not None:
        return f"The webhook {webhook['id']} came and could not be read: {webhook['unreadable_reason']}."
    if webhook["finding"] is None:
        return f"The webhook {webhook['id']} came and has not been read yet."
    return f"The webhook {webhook['id']} came {webhook['repeats'] + 1} times." if webhook["repeats"] else None


def _observation(generation: Entry, seen: Entry) -> str:
    source = SPEAKERS.get(seen["origin"], seen["origin"])
    if seen["origin"] == Origin.WEBHOOK:
        source = f"webhook {seen['webhook_id']}" + ("" if seen["believed"] else " (which nothing authenticates)")
    if seen["finding"] == Finding.ADVANCED:
        return f"{_advanced(generation, seen)}, by {source}."
    status = seen["status"] or f"{seen['provider_status']!r}, a word that nobody documents"
    return f"{source[0].upper()}{source[1:]} said {status}, {REMARKS.get(seen['finding'], seen['finding'])}."


def _advanced(generation: Entry, seen: Entry) -> str:
    provider, status = generation["provider"], seen["status"]
    if status == Status.SUBMITTED:
        return f"Accepted by {provider}" + (f" as {seen['external_id']}" if seen["external_id"] else "")
    if status == Status.PROCESSING:
        return f"{provider} works on it"
    if status == generation["status"] and generation["closed_at"] is not None:
        late = ", after it had expired" if generation["late"] else ""
        reason = f": {failure_words(generation['failure'])}" if generation["failure"] else ""
        return f"{status.capitalize()} after {duration(generation)}{late}{reason}"
    reason = f": {failure_words(seen['failure'])}" if seen["failure"] else ""
    return f"{str(status).capitalize()}{reason}"


def _delivered(timeline: Sequence[Entry], event_id: str) -> str:
    deliveries = [
        entry["details"]
        for entry in timeline
        if entry["type"] == "delivery" and entry["details"]["event_id"] == event_id
    ]
    subscribers = {delivery["subscriber_id"] for delivery in deliveries}
    reached = {delivery["subscriber_id"] for delivery in deliveries if delivery["delivered_at"]}
    noun = "subscriber" if len(subscribers) == 1 else "subscribers"
    return f"delivered to {len(reached)} of {len(subscribers)} {noun}" if deliveries else "no subscriber wanted it"


def _undelivered(timeline: Sequence[Entry], delivery: Entry) -> str | None:
    """A delivery that has not arrived; those that have are counted with their event."""
    if delivery["delivered_at"]:
        return None
    attempts = [
        entry["details"]
        for entry in timeline
        if entry["type"] == "attempt" and entry["details"]["delivery_id"] == delivery["id"]
    ]
    error = f", the latest: {attempts[-1]['error']}" if attempts and attempts[-1]["error"] else ""
    count = delivery["attempt_count"]
    tried = f"{count} {'attempt' if count == 1 else 'attempts'}{error}"
    if delivery["given_up_at"]:
        return (
            f"Delivery to {delivery['url']} was given up after {tried}; send it with: arrivals retry {delivery['id']}"
        )
    return f"Delivery to {delivery['url']} waits until {delivery['next_attempt_at']} ({tried})."


def failure_words(failure: Entry) -> str:
    """The code of a failure, and what the provider said."""
    return f"{failure['code']} ({failure['message']})" if failure["message"] else str(failure["code"])


def duration(generation: Entry) -> str:
    """How long it took from the order to its end."""
    taken = read_rfc3339(generation["closed_at"]) - read_rfc3339(generation["created_at"])
    return f"{max(0, taken) / SECOND:.1f} s"
