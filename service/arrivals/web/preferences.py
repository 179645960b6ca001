"""The wishes of a caller: the header `Prefer`.

Source: https://www.rfc-editor.org/rfc/rfc7240#section-2
"""

from collections.abc import Sequence
import re

_PREFERENCE = re.compile(r'([^\s=,;"]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')
MAX_WAIT_S = 300.0


def preferences(headers: Sequence[str]) -> dict[str, str]:
    """The preferences by name, in lower case; of those with the same name the first counts."""
    stated: dict[str, str] = {}
    for header in headers:
        for name, value in _PREFERENCE.findall(header):
            stated.setdefault(name.lower(), value.strip('"'))
    return stated


def preferred_wait(headers: Sequence[str]) -> float | None:
    """The seconds that a caller would wait for the result; None if it states none."""
    wait = preferences(headers).get("wait", "")
    return min(float(wait), MAX_WAIT_S) if wait.isascii() and wait.isdecimal() else None
