"""Other people's tools, in the versions that they were tried in; these stand here and nowhere else."""

from pathlib import Path
import subprocess
import sys

NPM = {
    "@redocly/cli": "2.77.0",
    "@stoplight/spectral-cli": "6.16.3",
    "@types/node": "26.6.7",
    "openapi-fetch": "0.17.0",
    "openapi-typescript": "7.13.0",
    "standardwebhooks": "1.1.1",
    "typescript": "5.9.3",  # the newest that openapi-typescript works with
}
PYTHON = {"datamodel-code-generator": "0.89.0", "openapi-python-client": "0.29.1"}


def installed_by_npm(folder):
    """The folder, with all packages of NPM in it."""
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    packages = [f"{name}@{version}" for name, version in NPM.items()]
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel", "error"]
    subprocess.run(["npm", "install", *options, *packages], cwd=folder, timeout=300, check=True)
    return folder


def installed_by_pip(folder):
    """The Python of a new environment, with all packages of PYTHON in it."""
    subprocess.run([sys.executable, "-m", "venv", folder], timeout=120, check=True)
    python = Path(folder) / "bin/python"
    packages = [f"{name}=={version}" for name, version in PYTHON.items()]
    options = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *options, *packages], timeout=300, check=True)
    return python
