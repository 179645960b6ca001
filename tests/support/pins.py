"""The two parts of `constraints.txt`: what `./dev demo` installs, and what only the checks need besides.

`python -m tests.support.generated` sorts the pins into them, and a test checks it.
"""

from importlib.metadata import PackageNotFoundError, requires
import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PATH = "constraints.txt"
HEADER = """\
# The versions that were tried, each with the digests of its files, made by
# uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11
#     --no-annotate --no-header --output-file constraints.txt
# and sorted by python -m tests.support.generated: first what ./dev demo, serve and run install.
"""
CHECKS = "# What ./dev test installs besides.\n"  # `dev` looks for this line
RUN = ("arrivals[lab,postgres]", "editables", "hatchling")  # the last two put a checkout into an environment
PIN = re.compile(r"^([a-z0-9-]+)==(?:.*\n)(?: +.*\n)+", re.MULTILINE)


def sorted_pins(text):
    """The file's text with its pins in their two parts, each in alphabetical order."""
    pins = {pin[1]: pin[0] for pin in PIN.finditer(text)}
    needed = required_by(RUN)
    parts = (
        "".join(pins[name] for name in sorted(pins) if name in needed),
        "".join(pins[name] for name in sorted(pins) if name not in needed),
    )
    return HEADER + CHECKS.join(parts)


def required_by(requirements):
    """The names of all packages that these need, on whatever system; what is not installed here needs nothing more."""
    extras = {}
    due = [Requirement(requirement) for requirement in requirements]
    while due:
        requirement = due.pop()
        name, wanted = canonicalize_name(requirement.name), {"", *requirement.extras}
        if not wanted <= extras.get(name, set()):
            extras[name] = extras.get(name, set()) | wanted
            due += [needed for needed in _requirements(name) if _extras(needed) & extras[name]]
    return set(extras)


def _requirements(name):
    try:
        return [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return []


def _extras(requirement):
    """The extras that ask for it, or "" where the package always does."""
    return set(re.findall(r'extra == "([^"]+)"', str(requirement.marker))) or {""}
