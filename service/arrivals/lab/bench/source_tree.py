"""The source of the service under measurement: this tree, or another commit of the same repository."""

from collections.abc import Mapping
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import subprocess
import sys

PACKAGE = __name__.partition(".")[0]
# Where a tree may keep its import package: the folder to look in, and the package's name.
LAYOUTS = (("service", "arrivals"), (".", "service"))
WHERE = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).origin)"


class NoBaseline(Exception):
    """The commit to compare with is not available; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree whose service is `python -m module serve`; the package is looked for in `path` first, if that is set."""

    module: str = PACKAGE
    path: Path | None = None
    commit: str | None = None

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Returns these variables, with which the interpreter finds this tree's package before an installed one."""
        return dict(variables) if self.path is None else {**variables, "PYTHONPATH": str(self.path)}


HERE = Tree()


def exported(reference: str, folder: Path) -> Tree:
    """Writes the commit's tree into the folder; the repository itself stays as it is. Raises NoBaseline."""
    git, package = shutil.which("git"), Path(__file__).resolve().parent
    if git is None:
        raise NoBaseline("a baseline is a commit, and git is not installed")
    root = _git([git, "-C", str(package), "rev-parse", "--show-toplevel"])
    if root is None:
        raise NoBaseline(f"a baseline is a commit, and {package} is in no git checkout")
    here = [git, "-C", root]
    commit = _git([*here, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"])
    if commit is None:
        raise NoBaseline(f"there is no commit {reference!r} in {root}")
    folder.mkdir()
    index = {"GIT_INDEX_FILE": str(folder.with_suffix(".index"))}
    written = [*here, "checkout-index", "--all", f"--prefix={folder}/"]
    if _git([*here, "read-tree", commit], index) is None or _git(written, index) is None:
        raise NoBaseline(f"the files of {commit} cannot be written to {folder}")
    return package_of(folder, commit)


def _git(command: list[str], more: Mapping[str, str] | None = None) -> str | None:
    """Returns the output of git; None when it fails. Variables that point to another repository are left out."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    result = subprocess.run(command, env=clean | dict(more or {}), capture_output=True, text=True, check=False)
    return None if result.returncode else result.stdout.strip()


def package_of(folder: Path, commit: str) -> Tree:
    """Returns the tree in this folder, if an interpreter really finds its package. Raises NoBaseline."""
    for place, module in LAYOUTS:
        path = folder / place
        if not (path / module / "__main__.py").is_file():
            continue
        tree = Tree(module=module, path=path.resolve(), commit=commit)
        command = [sys.executable, "-c", WHERE, module]
        result = subprocess.run(
            command, env=tree.environment(os.environ), cwd=folder.parent, capture_output=True, text=True, check=False
        )
        if result.returncode or not Path(result.stdout.strip()).resolve().is_relative_to(path.resolve()):
            raise NoBaseline(
                f"not the package of {commit} would be measured, but {result.stdout.strip() or result.stderr}"
            )
        return tree
    raise NoBaseline(f"{commit} has no service that can be started")
