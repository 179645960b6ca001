"""Tasks that serve many callers, of whom the first one happens to begin them."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


def begin_apart(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begins a task whose log lines do not carry the request id and the key of the caller that happens to begin it."""
    return asyncio.create_task(work, context=Context())
