"""Changes of generations, for screens: everything under way at each connection, then what changed."""

from types import TracebackType
from typing import Self, cast

from arrivals.client.models import Change
from arrivals.client.stream import Stream


class Changes:
    """An iterator of changes that connects again when it must; each connection begins with a `snapshot`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Change:
        return cast("Change", next(self._stream).event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
