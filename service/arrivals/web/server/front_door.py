"""The front door of one server: the value of `uvicorn.Config(http=…)`."""

from arrivals.web.callbacks import CallbackHandler
from arrivals.web.server.connection import Connection
from arrivals.web.server.connection_limit import Places, max_connections


def front_door(handler: CallbackHandler | None, max_places: int | None = None) -> type[Connection]:
    """The protocol class of its connections, of which there are at most `max_places`.

    Small webhooks go to the callback handler as parsed (the fast way); without one, every request is uvicorn's (the
    plain way). All bounds hold either way.
    """
    places = Places(max_connections() if max_places is None else max_places)
    return type("FrontDoor", (Connection,), {"places": places, "handler": handler})
