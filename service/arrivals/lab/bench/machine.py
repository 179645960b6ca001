"""Facts about the machine and about the resources of a process; None where the system does not report them.

For POSIX systems; only Linux reports the memory and CPU of other processes.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
import os
from pathlib import Path
import platform
import re
import resource

import uvloop

from arrivals.lab.bench.figures import Figures

KIB_PER_MB = 1024.0
USER_TICKS, SYSTEM_TICKS = 11, 12  # of the fields behind the name in /proc/PID/stat, see proc(5)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop of every generator of load: the one the service runs on."""
    return uvloop.new_event_loop


def facts(database: str) -> Figures:
    """The facts besides the code that the figures depend on."""
    return {
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "database": database,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": os.getloadavg()[0],
    }


def cpu_s(pid: int | None) -> float | None:
    """The seconds of CPU that a process has used, its threads included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int | None) -> float | None:
    """The peak resident memory of a process."""
    return _mb(_proc_figure(pid, "status", "VmHWM"))


def rss_mb(pid: int | None) -> float | None:
    """The resident memory of a process now."""
    return _mb(_proc_figure(pid, "status", "VmRSS"))


def pss_mb(pid: int | None) -> float | None:
    """The proportional set size of a process: its resident memory, of which shared pages count in proportion."""
    return _mb(_proc_figure(pid, "smaps_rollup", "Pss"))


def threads(pid: int | None) -> float | None:
    """The number of threads of a process."""
    return _proc_figure(pid, "status", "Threads")


def descriptors(pid: int | None) -> float | None:
    """The number of files and sockets that a process has open."""
    try:
        return float(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None


def _proc_figure(pid: int | None, page: str, name: str) -> float | None:
    try:
        match = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{page}").read_text(), re.MULTILINE)
    except OSError:
        return None
    return float(match[1]) if match else None


def _mb(kib: float | None) -> float | None:
    return None if kib is None else kib / KIB_PER_MB


def has_ended(pid: int | None) -> bool:
    """True when a child has ended; it can still be waited for."""
    if pid is None:
        return True
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def allow_files(wanted: int) -> int:
    """Raises this process' limit of open files, which its children inherit, and returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        return limit
    return soft
