"""structlog: one past-tense fact per outcome, on standard error, for people or for programs. Never payloads.

Secrets stay out: every configured secret, and whatever looks like one of ours, is hidden in the finished line, whoever
wrote it; and a crash is logged without local variables and without messages that may quote a request.
"""

from collections.abc import Iterable, Iterator
import json
import logging
import re
import sys
import traceback
from types import TracebackType
from typing import Any, Literal

import structlog
from structlog.typing import Processor, WrappedLogger

LogFormat = Literal["console", "json"]

HIDDEN = "********"
MIN_SECRET_LENGTH = 8  # hiding a shorter one would hide common words
# Secrets of our own making: (a mark that is searched first, because that costs next to nothing, and the pattern that is
# hidden).
_OURS = [
    (mark, re.compile(pattern))
    for mark, pattern in (
        ("whsec_", r"(?<=whsec_)[A-Za-z0-9+/=_-]{8,}"),
        ("whsk_", r"(?<=whsk_)[A-Za-z0-9+/=_-]{8,}"),
        ("arr_", r"(?<=\barr_)[A-Za-z0-9_-]{16,}"),
        ("earer ", r"(?<=[Bb]earer )[^\s\"'\\]{8,}"),
        ("/callbacks/", r"(?<=/callbacks/)[\w%.-]+/[\w%.~-]+"),
        ("~", r"(?<=~)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
        ("://", r"(?<=://)[^\s/@:\"']*:[^\s/@\"']+(?=@)"),
    )
]
# Modules of exceptions whose messages are ours and safe; any other may quote a request.
_SAFE_MODULES = frozenset({"arrivals.store.engine.base", "arrivals.outbound.transport", "arrivals.flow.context"})
_Error = tuple[type[BaseException], BaseException, TracebackType | None]


def configure(log_format: LogFormat, level: str = "info", secrets: Iterable[str] = ()) -> None:
    """Sets up logging for this process. No line contains any of the `secrets`, whoever logs it."""
    renderer: Processor = structlog.processors.JSONRenderer()
    crash: Processor = structlog.processors.ExceptionRenderer(_as_values)
    if log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        crash = structlog.processors.ExceptionRenderer(_as_text)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            crash,
            renderer,
            _Hiding(secrets),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Passing()], level=logging.WARNING, force=True)


def report_crash(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Reports an exception that ends the process; replaces `sys.excepthook`."""
    sys.stderr.write(f"arrivals crashed; this is a bug in Arrivals:\n{_as_text((type(error), error, None))}\n")


class _Hiding:
    """The last processor: hides secrets in a finished line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long = [secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
        # Every form in which a line may quote it.
        forms = {form for secret in long for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        text = str(line)
        for secret in self._forms:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        for mark, pattern in _OURS:
            if mark in text:
                text = pattern.sub(HIDDEN, text)
        return text


class _Passing(logging.Handler):
    """Passes on the logs of libraries: warnings as ours; uvicorn's, which requests cause, when debugging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Logs a library's message template. Its values may quote a request; those of psycopg do not."""
        log = structlog.get_logger()
        said = record.getMessage() if record.name.startswith("psycopg") else str(record.msg)
        fields = {"library": record.name, "said": said.strip().partition("\n")[0]}
        if record.exc_info and record.exc_info[1] is not None:
            log.error("library_failed", exc_info=record.exc_info, **fields)
        elif record.name.startswith("uvicorn"):
            log.debug("library_log", **fields)
        else:
            log.warning("library_log", **fields)


def _as_values(exc_info: _Error) -> list[dict[str, Any]]:
    return list(_crash(exc_info[1]))


def _as_text(exc_info: _Error) -> str:
    lines = []
    for crash in _crash(exc_info[1]):
        lines += [f"  {frame}" for frame in crash["frames"]]
        lines.append(f"{crash['type']}: {crash['says']}" if crash["says"] else crash["type"])
    return "\n".join(lines)


def _crash(error: BaseException | None) -> Iterator[dict[str, Any]]:
    """The chain of exceptions, oldest first: the type, the frames and, where safe, the message of each."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for cause in reversed(chain):
        frames = [
            f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)
        ]
        yield {"type": type(cause).__qualname__, "says": _message(cause), "frames": frames}
        if isinstance(cause, BaseExceptionGroup):
            for inner in cause.exceptions:
                yield from _crash(inner)


def _message(error: BaseException) -> str | None:
    if type(error).__module__ in _SAFE_MODULES:
        return str(error)
    return error.strerror if isinstance(error, OSError) else None
