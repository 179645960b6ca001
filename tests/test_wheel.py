"""The wheel, installed as anybody would: typed, under its own name, and without what only the lab needs."""

import os
import subprocess
import sys

import pytest

from tests.support.fixtures import ROOT

LAB_ALONE = ("httpx_aiohttp", "standardwebhooks")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = (folder / "dist").glob("arrivals-*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel)], check=True
    )
    return folder / "site"


def run(installed, code, cwd, *arguments):
    """The output of a program that finds the wheel, and what lies in this folder, before anything else."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(cwd), str(installed)])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_wheel_holds_code_and_queries_and_nothing_else_of_the_checkout(installed):
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} - {"bin"}

    assert {"arrivals"} == top
    assert (installed / "arrivals/py.typed").is_file()
    assert (installed / "arrivals/store/sql/events.sql").is_file()
    assert (installed / "arrivals/store/migrations/0001_initial.sql").is_file()


def test_wheel_stands_beside_an_application_with_a_service_folder(installed, tmp_path):
    (tmp_path / "service").mkdir()
    (tmp_path / "service/__init__.py").write_text("")
    code = "import service, arrivals, arrivals.client; print(service.__file__, arrivals.__file__)"

    assert [str(tmp_path / "service/__init__.py"), str(installed / "arrivals/__init__.py")] == run(
        installed, code, tmp_path
    )


def test_service_starts_without_what_only_the_lab_needs(installed, tmp_path):
    """Everything that `arrivals serve` imports, with the packages of the extra out of reach."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import arrivals.cli.serve, arrivals.assembly;"
        "import arrivals.web.app; print(*(name for name in sys.modules if name.startswith('arrivals.lab')))"
    )

    assert [] == run(installed, code, tmp_path, *LAB_ALONE)
