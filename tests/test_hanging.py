"""A test run that hangs ends by itself, and says where it stood."""

import subprocess
import sys

import pytest

from tests.support.fixtures import ROOT

CONFTEST = """
import anyio
import pytest
from tests.support import hanging

hanging.GRACE_S = 0.1
pytest_plugins = ["tests.support.hanging"]

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="session")
async def held():
    yield
    await stands_still()

async def stands_still():
    while True:
        try:
            await anyio.sleep_forever()
        except BaseException:
            pass
"""
TESTS = {
    "a test that cannot be interrupted": """
from conftest import stands_still

async def test_hangs():
    await stands_still()
""",
    "the end of the session behind a failure": """
async def test_fails(held):
    assert False
""",
}


@pytest.mark.parametrize("text", TESTS.values(), ids=TESTS)
def test_what_hangs_is_ended_with_a_dump(tmp_path, text):
    (tmp_path / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\ntimeout = 0.5\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_hangs.py").write_text(text)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip

    assert 1 == ran.returncode, ran.stdout
    assert "Timeout (" in ran.stderr
    assert "Thread 0x" in ran.stderr
