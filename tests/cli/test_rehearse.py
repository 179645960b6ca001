"""`arrivals rehearse`: the stand-ins on a port."""

import socket

import httpx
import pytest

pytestmark = pytest.mark.timeout(30)


def test_first_page_says_what_they_understand(rehearsal):
    page = httpx.get(f"http://127.0.0.1:{rehearsal}/", trust_env=False).text
    assert "stand-ins for six AI media providers" in page


def test_it_says_where_they_are_and_what_is_wrong(arrivals):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = arrivals("rehearse", "--port", port)
    announcement, error = result.stderr.splitlines()
    assert f"the stand-ins are at http://127.0.0.1:{port}/ (their record: /rehearsal/record)" == announcement
    assert (1, f"arrivals: cannot listen on 127.0.0.1:{port}; choose another with --port") == (result.exit_code, error)
