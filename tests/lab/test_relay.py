"""The relay passes on what it is sent, is silent when it is told to, and then goes on or has lost its connections."""

import asyncio
from contextlib import asynccontextmanager

import anyio
import pytest

from arrivals.lab.torture.relay import Relay

SILENCE_S = 0.1
GONE = (anyio.EndOfStream, anyio.BrokenResourceError)


@asynccontextmanager
async def relayed():
    """A relay to somebody who repeats what he is told."""

    async def repeat(reader, writer):
        while said := await reader.read(100):
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    async with server, Relay(server.sockets[0].getsockname()[1]) as relay:
        yield relay


async def hears_nothing(connection):
    with anyio.move_on_after(SILENCE_S):
        await connection.receive()
        return False
    return True


async def test_what_comes_while_it_is_silent_arrives_when_it_goes_on():
    async with relayed() as relay, await anyio.connect_tcp("127.0.0.1", relay.port) as connection:
        await connection.send(b"before")
        assert b"before" == await connection.receive()

        relay.fall_silent()
        await connection.send(b"meanwhile")
        assert await hears_nothing(connection)

        relay.go_on()
        assert b"meanwhile" == await connection.receive()
        await connection.send_eof()
        with pytest.raises(anyio.EndOfStream):
            await connection.receive()


async def test_who_connects_while_it_is_silent_is_served_when_it_goes_on():
    async with relayed() as relay:
        relay.fall_silent()
        async with await anyio.connect_tcp("127.0.0.1", relay.port) as connection:
            await connection.send(b"late")
            assert await hears_nothing(connection)

            relay.go_on()
            assert b"late" == await connection.receive()


async def test_who_was_not_heard_is_hung_up_on_and_others_are_served():
    async with relayed() as relay:
        relay.fall_silent()
        async with await anyio.connect_tcp("127.0.0.1", relay.port) as connection:
            await connection.send(b"lost")
            assert await hears_nothing(connection)

            relay.hang_up()
            with pytest.raises(GONE):
                await connection.receive()
        async with await anyio.connect_tcp("127.0.0.1", relay.port) as other:
            await other.send(b"again")
            assert b"again" == await other.receive()


async def test_where_nobody_listens_it_hangs_up():
    async with Relay(1) as relay, await anyio.connect_tcp("127.0.0.1", relay.port) as connection:
        with pytest.raises(GONE):
            await connection.receive()
