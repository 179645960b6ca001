"""A small Python client of the service: synchronous, typed, and what the command line itself uses.

```python
from arrivals.client import Client, verify

with Client("http://127.0.0.1:8080", key) as arrivals:
    made = arrivals.submit("vtrix", "wan26_t2i", {"input": …}, idempotency_key="order-42")
    done = arrivals.wait(made["id"], timeout_s=600)

    for cursor, event in arrivals.events(after=kept, type="generation.*"):
        handle(event)       # resumes by itself after a disconnection: no gap, no repeat
        keep(cursor)        # where to go on after a restart

event = verify(secret, request.body, request.headers)    # of a delivery; raises Unverified
```
"""

from arrivals.client.api import Client
from arrivals.client.changes import Changes
from arrivals.client.http import Broken, ServiceError, Unreachable, path
from arrivals.client.models import Change, Cost, Event, Failure, Generation, Output, Page
from arrivals.client.stream import Heard, Stream
from arrivals.client.verify import Unverified, verify

__all__ = [
    "Broken",
    "Change",
    "Changes",
    "Client",
    "Cost",
    "Event",
    "Failure",
    "Generation",
    "Heard",
    "Output",
    "Page",
    "ServiceError",
    "Stream",
    "Unreachable",
    "Unverified",
    "path",
    "verify",
]
