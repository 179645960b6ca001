"""No test stands still forever: one that outlives its time limit ends the run, with the stacks of all threads.

pytest-timeout ends most of them, once: it raises where the test waits. That may be swallowed there, and a test that has
failed has no limit any more, so a fixture of the session could hang at its end. This limit cannot be swallowed or lost.
"""

import faulthandler
import os
import sys

import pytest

GRACE_S = 30  # beyond a test's own limit, which tells more and lets the other tests run
STDERR = pytest.StashKey[int]()


def pytest_configure(config):
    """Keep the real standard error: while a test runs, it is captured."""
    config.stash[STDERR] = os.dup(sys.__stderr__.fileno())


def pytest_unconfigure(config):
    """Give it back."""
    os.close(config.stash[STDERR])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test with all of its fixtures."""
    _limit(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    """The end of a test that failed has no limit any more: pytest takes it away for debuggers."""
    _limit(item)


def _limit(item):
    own = item.get_closest_marker("timeout")
    limit_s = own.args[0] if own else float(item.config.getini("timeout") or 0)
    if limit_s:
        faulthandler.dump_traceback_later(limit_s + GRACE_S, exit=True, file=item.config.stash[STDERR])
