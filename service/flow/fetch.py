"""An output's bytes, streamed through us: with the provider's key on its own origin, without it anywhere else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urljoin

from service.core.generation import Generation, Output
from service.core.http import HttpCall
from service.flow.tools import Tools
from service.providers.shapes import same_origin
from service.transport import Streamed

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ASKED_ON = ("range", "if-range")  # the caller's headers that concern the bytes


class Unfetchable(Exception):
    """The provider did not hand the output out; the message says why."""


@asynccontextmanager
async def fetch(tools: Tools, generation: Generation, output: Output, asked: dict[str, str]) -> AsyncIterator[Streamed]:
    """The answer as it comes. Raises Unfetchable, NotSent, NoAnswer. Every redirect is looked at like a new URL."""
    account = tools.upstream(generation).account
    passed_on = {name: asked[name] for name in ASKED_ON if name in asked} | {"accept-encoding": "identity"}
    url = output.url
    for _ in range(MOST_REDIRECTS + 1):
        own = same_origin(url, account.base_url)
        headers = {**passed_on, **(account.bearer() if own else {})}
        async with AsyncExitStack() as stack:
            call = HttpCall(method="GET", url=url, headers=headers)
            reply = await stack.enter_async_context(tools.transport.fetch(call, provider=own))
            location = reply.headers.get("location")
            if reply.http_status not in REDIRECTS or location is None:
                yield reply
                return
            url = urljoin(url, location)
    raise Unfetchable(f"more than {MOST_REDIRECTS} redirects")
