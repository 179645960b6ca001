"""Faults of the machine, imposed on processes that preload `faults.c`: a full disk, a slow one, a clock that steps.

Made with the available C compiler, in the torture's own folder; superuser rights are not needed.
"""

from collections.abc import Mapping
from importlib import resources
import mmap
from pathlib import Path
import shutil
import struct
import subprocess
import sys

NUMBERS = struct.Struct("=qqq")
NOTHING_CAN_BE_WRITTEN, NOTHING_CAN_GROW = 1, 2
MICROS = 1_000_000
COMPILERS = ("cc", "gcc", "clang")


class Unavailable(Exception):
    """Faults of the machine cannot be caused here; the message says what to install."""


class Faults:
    """The faults of the machine now; `preload` is the environment of the processes that are to feel them."""

    def __init__(self, folder: Path) -> None:
        """Raises Unavailable."""
        self._library = _compiled(folder)
        self._path = folder / "faults"
        self._path.write_bytes(NUMBERS.pack(0, 0, 0))
        self._path.chmod(0o644)
        with self._path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), NUMBERS.size)
        self._now = [0, 0, 0]

    def preload(self, files: Path) -> Mapping[str, str]:
        """Returns the environment of a process whose database's files have paths that begin like this."""
        return {
            "LD_PRELOAD": str(self._library),
            "TORTURE_CONTROL": str(self._path),
            "TORTURE_FILES": str(files.resolve()),
        }

    def disk_full(self, how: int) -> None:
        """Fills the disk; 0 when there is space again."""
        self._set(0, how)

    def sync_takes(self, seconds: float) -> None:
        """Makes a sync take so much longer."""
        self._set(1, round(seconds * MICROS))

    def clock_ahead(self, seconds: float) -> None:
        """Sets how far the clock is ahead of the true one."""
        self._set(2, round(seconds * MICROS))

    def none(self) -> None:
        """Removes all faults."""
        for place in range(len(self._now)):
            self._set(place, 0)

    def close(self) -> None:
        """Releases the shared memory."""
        self._shared.close()

    def _set(self, place: int, value: int) -> None:
        self._now[place] = value
        self._shared[:] = NUMBERS.pack(*self._now)


def _compiled(folder: Path) -> Path:
    if sys.platform != "linux":
        raise Unavailable("faults of the machine are made by preloading, which is done on Linux alone")
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        raise Unavailable("there is no C compiler: install one (Debian: apt-get install gcc libc6-dev)")
    source, library = folder / "faults.c", folder / "faults.so"
    source.write_text(resources.files(__package__).joinpath("faults.c").read_text())
    made = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise Unavailable(f"the C compiler cannot make it: {made.stderr.strip()[-300:]}")
    folder.chmod(0o755)  # a server that runs as somebody else loads it too
    library.chmod(0o755)
    return library
