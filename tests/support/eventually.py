"""Waiting without sleeping: for what a test can see, or for other tasks to have had their turns."""

import anyio

TURNS = 50  # of the event loop: many more than any chain of tasks in one process needs that waits for nothing outside


async def until(condition):
    """Waits until the condition holds; the test's own time limit is the bound."""
    while not condition():
        await anyio.lowlevel.checkpoint()


async def turns(count=TURNS):
    """Whatever can go on by itself has gone on."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()
