"""structlog: one past-tense fact per outcome, on standard error, for people or for programs. Never payloads."""

import logging
import sys
from typing import Literal

import structlog
from structlog.tracebacks import ExceptionDictTransformer

LogFormat = Literal["console", "json"]


def configure(log_format: LogFormat, level: str = "info") -> None:
    """Set up logging for this process."""
    # Tracebacks without local variables, which hold keys, secrets and bodies.
    bare = ExceptionDictTransformer(show_locals=False)
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    errors: list[structlog.typing.Processor] = [structlog.processors.ExceptionRenderer(bare)]
    if log_format == "console":
        plain = structlog.dev.plain_traceback
        renderer, errors = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain), []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
