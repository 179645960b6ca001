"""Bounds on the cost of a connection, in bytes and in seconds. Every bound holds on both ways in."""

from arrivals.web.errors import CLOSES, Problem

MAX_CONNECTIONS = 8192
UNREAD_MAX_BYTES = 64 * 1024 * 1024  # of answers in memory that no peer takes, over all connections
HEAD_MAX_BYTES = 64 * 1024  # also of further requests that come while one is answered
HEAD_S = 10.0  # from the connection, or from the first byte of a further request
KEEP_ALIVE_S = 5  # between two requests
GRACE_S = 20.0  # for a body to come, or an answer to be taken, besides its bytes at the rate below
SLOWEST_BYTES_PER_S = 64 * 1024
LINGER_S = 2.0  # for the peer to take the last answer of a connection while it still sends
LOOK_EVERY_S = 1.0  # at all deadlines
TOO_LARGE = Problem(431, "head_too_large", f"the headers are larger than {HEAD_MAX_BYTES} bytes", headers=CLOSES)
TOO_SLOW = Problem(408, "too_slow", "the request did not come in time; send it again", headers=CLOSES)
