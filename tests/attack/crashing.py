"""The service with two mistakes in it, whose exceptions hold what was sent: `python -m tests.attack.crashing serve`."""

import sys
from unittest.mock import patch

from arrivals.cli.main import main
from arrivals.flow.admin import timeline
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import route_of
from arrivals.web.api import generations
from tests.attack.canaries import PLANTED

HEADER = b"crash"


def _broken_reader(reply, target):
    if HEADER in reply.body:
        raise RuntimeError(f"nobody expected {reply.body!r} of {target}")
    return _read(reply, target)


async def _broken_timeline(context, generation_id, *page):
    if generation_id == "crash":
        raise KeyError(f"{PLANTED['what crashes a request']} {context.policy.callback_secrets[0]}")
    return await timeline.timeline(context, generation_id, *page)


request = route_of(PROVIDERS["eachlabs"], "flux-1-1-pro").adapter.poll
_read = request.parse
object.__setattr__(request, "parse", _broken_reader)
patch.object(generations, "timeline", _broken_timeline).start()
sys.exit(main())
