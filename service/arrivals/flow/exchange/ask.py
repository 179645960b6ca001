"""One request to a provider about a generation, with redirects followed as far as is allowed.

The key stays on the origin that the request went to. A file may be handed out from anywhere, so elsewhere it is fetched
without the key, as outputs are. Every request to the account counts.
"""

from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from arrivals.core.generation import Generation
from arrivals.core.http import MAX_REDIRECTS, HttpCall, HttpReply, redirect_of
from arrivals.core.origin import same_origin
from arrivals.flow.context import Context
from arrivals.flow.exchange.pace import note_pace
from arrivals.flow.exchange.record import Exchange
from arrivals.flow.exchange.spend import overdraw
from arrivals.outbound.transport import NotSent, Reason
from arrivals.providers.contract import Unreadable

POLL_TIMEOUT_S = 15.0
IDENTITY = {"accept-encoding": "identity"}


async def send_request(
    context: Context, generation: Generation, call: HttpCall, exchange: Exchange, *, for_file: bool = False
) -> HttpReply:
    """Sends the call and returns the answer. `for_file`: it may be a file, of which only the beginning is read.

    Raises NotSent, NoAnswer; Unreadable for a redirect that leads elsewhere or nowhere.
    """
    send = context.transport.get_json if for_file else context.transport.send
    for _ in range(MAX_REDIRECTS + 1):
        exchange.sends(call)
        reply = exchange.reply = await send(call, POLL_TIMEOUT_S)
        await note_pace(context, generation, reply.headers)
        place = redirect_of(reply.http_status, reply.headers)
        if place is None or call.method != "GET":
            return reply
        url = joined_url(call.url, place)
        if not same_origin(url, call.url):
            if for_file:
                return await _elsewhere(context, url)
            raise Unreadable(redirected(generation.provider, url))
        await overdraw(context, generation)
        call = replace(call, url=url)
    raise Unreadable(f"more than {MAX_REDIRECTS} redirects")


def redirected(provider: str, url: str) -> str:
    """A message about a redirect that is not followed, with the setting to change."""
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}" if parts.netloc else url
    return (
        f"the provider answers with a redirect to {place}; set ARRIVALS_{provider.upper()}_BASE_URL to where it is now"
    )


def joined_url(base: str, place: str) -> str:
    """The URL that a redirect leads to. Raises Unreadable."""
    try:
        return urljoin(base, place)
    except ValueError as error:
        raise Unreadable("a redirect to what is no URL") from error


async def _elsewhere(context: Context, url: str) -> HttpReply:
    """The beginning of a file on an origin that is not the provider's, fetched without its key."""
    for _ in range(MAX_REDIRECTS):
        call = HttpCall(method="GET", url=url, headers=IDENTITY)
        try:
            async with context.transport.fetch(call, provider=False, timeout_s=POLL_TIMEOUT_S) as reply:
                place = redirect_of(reply.http_status, reply.headers)
                if place is None:
                    first = await anext(reply.body, b"")
                    beginning = HttpReply(http_status=reply.http_status, headers=reply.headers, body=first)
                    if not beginning.ok:
                        raise Unreadable(f"the place of the file answers HTTP {beginning.http_status}")
                    return beginning
        except NotSent as error:
            if error.reason is Reason.BLOCKED:
                raise Unreadable(f"the file is where we may not call: {error}") from error
            raise
        url = joined_url(url, place)
    raise Unreadable(f"more than {MAX_REDIRECTS} redirects")
