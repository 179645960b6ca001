"""What is logged says what happened, and holds no secret of anybody."""

import json

import pytest
import structlog

from service.logs import configure


@pytest.fixture
def _restored():
    yield
    configure("json", "error")


def fail():
    key = "arr_the-key-of-a-caller"
    raise RuntimeError(f"something with a length of {len(key)}")


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.usefixtures("_restored")
def test_a_logged_error_shows_no_local_variables(log_format, capsys):
    """Locals hold keys, secrets and bodies."""
    configure(log_format)

    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("went_wrong", generation_id="gen_1")

    told = capsys.readouterr().err
    assert "went_wrong" in told
    assert "RuntimeError" in told
    assert "arr_the-key-of-a-caller" not in told


@pytest.mark.usefixtures("_restored")
def test_a_line_is_one_json_object(capsys):
    configure("json", "info")

    structlog.get_logger().info("event_announced", generation_id="gen_1")
    structlog.get_logger().debug("not_shown")

    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert ("event_announced", "gen_1", "info") == (told["event"], told["generation_id"], told["level"])
