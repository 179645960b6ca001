"""structlog: one past-tense fact per outcome, on standard error, for people or for programs. Never payloads."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["console", "json"]


def configure(log_format: LogFormat, level: str = "info") -> None:
    """Set up logging for this process."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    errors: list[structlog.typing.Processor] = [structlog.processors.dict_tracebacks]
    if log_format == "console":
        renderer, errors = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()), []
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
        cache_logger_on_first_use=False,
    )
