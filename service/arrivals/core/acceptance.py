"""The meaning of an answer to an order: accepted, refused, for later, or unknown. One table, with its reasons."""

from collections.abc import Mapping
from enum import StrEnum

from arrivals.core.failure import Failure, FailureCode
from arrivals.core.http import is_server_error


class Acceptance(StrEnum):
    """The fate of an order that was not accepted."""

    REFUSED = "refused"  # it is not made: the generation fails with the provider's reason
    LATER = "later"  # it is not made, and may be yet: it waits and is sent again, until its deadline
    UNKNOWN = "unknown"  # it may be made: never sent again; its webhook or its deadline decides


# HTTP status: what it means, and why. A status that is not listed means what its hundred does.
ANSWERS: Mapping[int, tuple[Acceptance, str]] = {
    300: (Acceptance.REFUSED, "a redirect was not processed; set `BASE_URL` to where it leads"),
    400: (Acceptance.REFUSED, "the provider says what is wrong with the order"),
    429: (Acceptance.LATER, "too much at once; nothing was started"),
    500: (Acceptance.UNKNOWN, "the provider failed while it worked on the order"),
    502: (Acceptance.UNKNOWN, "a gateway lost the answer of the server that has the order"),
    503: (Acceptance.LATER, "the service was unavailable and did not take the order"),
    504: (Acceptance.UNKNOWN, "a gateway gave up waiting; the work may go on behind it, whoever sent the answer"),
    520: (Acceptance.UNKNOWN, "Cloudflare: an invalid answer, after the order was passed on"),
    521: (Acceptance.LATER, "Cloudflare: the provider refused the connection"),
    522: (Acceptance.LATER, "Cloudflare: no connection to the provider"),
    523: (Acceptance.LATER, "Cloudflare: no route to the provider"),
    524: (Acceptance.UNKNOWN, "Cloudflare: no answer in time, after the order was passed on"),
    530: (Acceptance.LATER, "Cloudflare: the provider's name does not resolve"),
}
# Sources: https://www.rfc-editor.org/rfc/rfc9110#section-15,
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
OWN_WORD_DECIDES = frozenset({500, 501, 502})  # whoever explains its own error has not made it
WAITING = frozenset({FailureCode.RATE_LIMITED, FailureCode.CONCURRENCY_LIMITED})


def meaning_of(http_status: int) -> Acceptance:
    """The meaning of an HTTP status by itself; a server's error that is not listed leaves it unknown."""
    listed = ANSWERS.get(http_status) or ANSWERS.get(http_status // 100 * 100)
    return listed[0] if listed else Acceptance.REFUSED


def acceptance_of(failure: Failure) -> Acceptance:
    """The meaning of a refusal for the order. The provider's own words stand before the HTTP status.

    A code of its own that says that the order is wrong, or not paid for, is final whatever status it came with; one
    that says that it has no place now is not.
    """
    http_status = failure.http_status or 0
    by_status = meaning_of(http_status) if http_status else Acceptance.REFUSED
    if failure.code in WAITING:
        return Acceptance.LATER
    own = failure.message is not None or failure.provider_code is not None
    if by_status is Acceptance.LATER:
        return Acceptance.LATER if failure.retryable or not own else Acceptance.REFUSED
    if by_status is Acceptance.UNKNOWN and http_status in OWN_WORD_DECIDES and own:
        return Acceptance.REFUSED
    closed_for_now = failure.code is FailureCode.PROVIDER_UNAVAILABLE and failure.provider_code is not None
    return Acceptance.LATER if closed_for_now and not is_server_error(http_status) else by_status
