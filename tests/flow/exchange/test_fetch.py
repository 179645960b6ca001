"""Fetching an output sends the key to the provider's own origin and nowhere else, also across redirects."""

from dataclasses import replace

import pytest

from arrivals.core.generation import Output
from arrivals.flow.exchange.fetch import Unfetchable, fetch
from arrivals.flow.submission.order import stored
from arrivals.outbound.policy import OutboundPolicy
from arrivals.outbound.transport import NotSent, Transport


async def fetched(context, generation, url, headers=None):
    async with fetch(context, generation, Output(kind="video", url=url), headers or {}) as reply:
        return reply.http_status, b"".join([chunk async for chunk in reply.body])


@pytest.fixture
async def generation(context, submitted, upstream):
    generation = await stored(context, await submitted())
    upstream.requests.clear()
    return generation


async def test_the_key_goes_to_the_providers_own_origin(context, upstream, generation):
    upstream.answers.append((200, b"bytes"))

    assert (200, b"bytes") == await fetched(context, generation, f"{upstream.url}/content")
    assert "Bearer key-of-eachlabs" == upstream.requests[0].headers["authorization"]


async def test_the_key_goes_nowhere_else(context, listener, generation):
    listener.answers.append((200, b"bytes"))

    await fetched(
        context, generation, f"{listener.url}/cdn/1.mp4", {"range": "bytes=0-1", "authorization": "Bearer ours"}
    )

    assert "authorization" not in listener.requests[0].headers
    assert "bytes=0-1" == listener.requests[0].headers["range"]


async def test_a_redirect_to_another_origin_drops_the_key(context, upstream, listener, generation):
    upstream.answers.append((302, b"", {"location": f"{listener.url}/cdn/1.mp4"}))
    listener.answers.append((200, b"bytes"))

    assert (200, b"bytes") == await fetched(context, generation, f"{upstream.url}/content")
    assert "authorization" in upstream.requests[0].headers
    assert "authorization" not in listener.requests[0].headers


async def test_endless_redirects_end(context, upstream, generation):
    upstream.answers += [(302, b"", {"location": "/again"})] * 10

    with pytest.raises(Unfetchable):
        await fetched(context, generation, f"{upstream.url}/content")


async def test_a_redirect_into_a_private_network_is_refused(context, upstream, listener, generation):
    strict = Transport(OutboundPolicy())
    upstream.answers.append((302, b"", {"location": f"{listener.url}/internal"}))

    with pytest.raises(NotSent):
        await fetched(replace(context, transport=strict), generation, f"{upstream.url}/content")
    await strict.close()
    assert [] == listener.requests
