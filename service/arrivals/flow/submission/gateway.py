"""Tells a provider's own answer from that of a gateway in between that gave up: then the outcome is unknown."""

from arrivals.core.acceptance import Acceptance, meaning_of
from arrivals.core.http import HttpReply, is_server_error
from arrivals.providers._shared.tolerance import message_in
from arrivals.providers.contract import Unreadable


def direct(reply: HttpReply) -> HttpReply:
    """The provider's own answer. Raises Unreadable for that of a gateway in between: the outcome is unknown."""
    unknown = meaning_of(reply.http_status) is Acceptance.UNKNOWN
    if unknown and is_server_error(reply.http_status) and not isinstance(message_in(reply.body), dict):
        raise Unreadable(f"HTTP {reply.http_status} from something in between")
    return reply
