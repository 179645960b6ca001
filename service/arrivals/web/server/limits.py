"""Bounds on what a connection may cost us, in bytes and in seconds. Every bound holds on both ways in."""

from arrivals.web.errors import CLOSES, Problem

MAX_CONNECTIONS = 8192
UNREAD_MAX_BYTES = 64 * 1024 * 1024  # of answers that lie in memory because nobody takes them, over all connections
HEAD_MAX_BYTES = 64 * 1024  # also of what may come of further requests while one is answered
HEAD_S = 10.0  # from the connection, or from the first byte of a further request
KEEP_ALIVE_S = 5  # between two requests
GRACE_S = 20.0  # before a body must have come, or an answer been taken, by at least so many bytes a second
SLOWEST_BYTES_PER_S = 64 * 1024
LINGER_S = 2.0  # for the peer to take the last answer of a connection while it still sends
LOOK_EVERY_S = 1.0  # after whoever has had its time
TOO_LARGE = Problem(431, "head_too_large", f"the headers are larger than {HEAD_MAX_BYTES} bytes", headers=CLOSES)
TOO_SLOW = Problem(408, "too_slow", "the request did not come in time; send it again", headers=CLOSES)
