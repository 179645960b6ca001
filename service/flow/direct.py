"""Tells a provider's own answer from one of something in between that gave up: then nobody knows the outcome."""

from service.core.http import HttpReply
from service.core.wire import from_json
from service.providers.base import Unreadable

FIRST_SERVER_ERROR = 500


def direct(reply: HttpReply) -> HttpReply:
    """The provider's own answer. Raises Unreadable for one of something in between: the outcome is unknown."""
    if reply.http_status >= FIRST_SERVER_ERROR and not _is_json(reply.body):
        raise Unreadable(f"HTTP {reply.http_status} from something in between")
    return reply


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(from_json(body), dict)
    except ValueError:
        return False
