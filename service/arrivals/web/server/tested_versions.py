"""The versions of uvicorn that the front door was tested with: every test of `tests/web/server` passes on both ends."""

import uvicorn

FIRST, LAST = (0, 53), (0, 54)  # 0.52 leaves out `connection: close` where a server ends
TESTED = f"{FIRST[0]}.{FIRST[1]} to {LAST[0]}.{LAST[1]}"


def is_tested(version: str = uvicorn.__version__) -> bool:
    """True for a version between the first and the last tested one."""
    try:
        major, minor = (int(part) for part in version.split(".")[:2])
    except ValueError:
        return False
    return FIRST <= (major, minor) <= LAST
