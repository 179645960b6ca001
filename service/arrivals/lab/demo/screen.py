"""The display: the report on standard output, what is going on on standard error, which is never silent for long."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from threading import Event, Thread
import time
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from arrivals.lab.demo.report import table

WIDEST = 80  # longer lines are hard to read, and a file may be shown anywhere
LINE_EVERY_S = 2.0
UNDER_WAY = "under way"
COLUMNS = [UNDER_WAY, "completed", "failed", "canceled", "expired"]


class Screen:
    """The display of the demo. Shows nothing when quiet.

    While it is entered, it draws over itself on a terminal, and writes a line every two seconds into anything else.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._report, self._progress = Console(quiet=quiet), Console(stderr=True, quiet=quiet)
        for console in (self._report, self._progress):
            console.width = min(console.width, WIDEST)
        self._began = self._printed = time.monotonic()
        self._doing = ""
        self._counts: dict[str, Counter[str]] = {}
        self._draws = self._progress.is_terminal and not self._progress.is_dumb_terminal
        self._live = Live(console=self._progress, get_renderable=self._drawn, transient=True)
        self._ended = Event()
        self._lines = Thread(target=self._write_lines, daemon=True)

    def __enter__(self) -> Self:
        """Starts to show what is going on."""
        if self._draws:
            self._live.start()
        else:
            self._progress.print()
            self._lines.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops showing it; what was drawn disappears."""
        if self._draws:
            self._live.stop()
        else:
            self._ended.set()
            self._lines.join()

    def say(self, paragraphs: Iterable[RenderableType]) -> None:
        """Prints paragraphs, each with a blank line before it."""
        for paragraph in paragraphs:
            self._report.print()
            self._report.print(paragraph)

    def lines(self, lines: Sequence[str]) -> None:
        """Prints lines to copy: as they are, however long."""
        self._report.print()
        for line in lines:
            self._report.print(line, highlight=False, markup=False, soft_wrap=True)

    def doing(self, text: str) -> None:
        """Says what begins now."""
        self._doing = text
        if not self._draws:
            self._line()

    def show(self, text: str, generations: Iterable[Mapping[str, Any]]) -> None:
        """Says how far it is, and draws how many generations of each provider have ended in which way."""
        counts: dict[str, Counter[str]] = {}
        for generation in generations:
            status = generation["status"] if generation["status"] in COLUMNS else UNDER_WAY
            counts.setdefault(generation["provider"], Counter())[status] += 1
        self._doing, self._counts = text, dict(sorted(counts.items()))

    def _drawn(self) -> RenderableType:
        heading = Text(f"\n{self._seconds()}  {self._doing}", style="bold")
        return Group(heading, Text(), table(self._counts, COLUMNS)) if self._counts else heading

    def _write_lines(self) -> None:
        while not self._ended.wait(max(0.0, self._printed + LINE_EVERY_S - time.monotonic())):
            if time.monotonic() - self._printed >= LINE_EVERY_S:
                self._line()

    def _line(self) -> None:
        self._printed = time.monotonic()
        self._progress.print(f"{self._seconds()}  {self._doing}", highlight=False, markup=False)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:3.0f} s"
