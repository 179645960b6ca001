"""The end of the service by signals, and what happens when it does not end.

The first signal lets everything finish, for as long as the grace. The second says what ending at once would cost, the
third does it. The grace is absolute: a thread that waits for nothing of the service's ends the process after it.
"""

from collections.abc import Callable
import os
import signal
import sys
import threading

import anyio
import structlog

from arrivals.flow.context import Context

log = structlog.get_logger()

FAILED = 1  # the exit code of what was cut off
AT_ONCE = 3  # signals


Watch = Callable[[float], None]


def watch(seconds: float) -> None:
    """Let a watchdog loose: so many seconds from now it ends the process, if that has not ended by itself."""
    watchdog = threading.Timer(seconds, _grace_ended, [seconds])
    watchdog.daemon = True
    watchdog.start()


def _grace_ended(seconds: float) -> None:
    log.error("grace_ended", grace_s=seconds, hint="something hung and was cut off")
    _end_at_once()


async def heed_signals(context: Context, grace_s: float, watch_for: Watch, stop: Callable[[], None]) -> None:
    """Calls `stop` at the first signal; goes on to listen, until it is cancelled."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        count = 0
        async for number in signals:
            count += 1
            name = signal.Signals(number).name
            if count == 1:
                log.info("stopping", signal=name, grace_s=grace_s)
                watch_for(grace_s)
                stop()
            elif count < AT_ONCE:
                log.warning("already_stopping", signal=name, hint="one more signal ends it at once", **_costs(context))
            else:
                log.error("terminated", signal=name, **_costs(context))
                _end_at_once()


def _costs(context: Context) -> dict[str, object]:
    """The submissions on the wire: each is paid for, and its answer would be lost."""
    submitting = context.process.heartbeats.get("submit")
    return {"submissions_on_the_wire": submitting.busy if submitting else 0}


def _end_at_once() -> None:
    """Without a word to anybody; what is logged is out."""
    sys.stderr.flush()
    os._exit(FAILED)
