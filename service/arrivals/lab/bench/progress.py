"""The progress of a benchmark on standard error, so that the output of `--json` stays one object."""

import asyncio
from collections.abc import Callable, Iterator
import contextlib
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

LOOK_EVERY_S = 0.5


class Screen:
    """Shows the current phase and its progress. Without a terminal, prints one line for each phase."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._phase = ""

    def __enter__(self) -> Self:
        """Starts the live display."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the terminal as it was."""
        self._live.stop()

    def phase(self, text: str) -> None:
        """Shows what is being done now."""
        self._phase = text
        if self._console.is_terminal:
            self._live.update(Text(text), refresh=True)
        else:
            self._console.print(text, highlight=False, markup=False)

    @contextlib.contextmanager
    def following(self, progress: Callable[[], str]) -> Iterator[None]:
        """Shows the progress while the block runs."""
        task = asyncio.get_running_loop().create_task(self._follow(progress))
        try:
            yield
        finally:
            task.cancel()

    async def _follow(self, progress: Callable[[], str]) -> None:
        while True:
            if self._console.is_terminal:
                self._live.update(Text(f"{self._phase}: {progress()}"), refresh=True)
            await asyncio.sleep(LOOK_EVERY_S)
