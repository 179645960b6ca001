"""Hooks of Schemathesis: a wait that the service would accept ends at once; every other is sent as it is."""

import schemathesis

LONGEST_S = 300


@schemathesis.hook
def before_call(context, case, kwargs):
    """Shortens the wait of a request that is about to be sent."""
    try:
        accepted = 0 <= float((case.query or {})["wait"]) <= LONGEST_S
    except (KeyError, TypeError, ValueError):
        accepted = False
    if accepted:
        case.query["wait"] = 0
