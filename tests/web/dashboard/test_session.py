"""The rules of the cookie: only what we signed opens, for as long as it lasts, and changes need the session's token."""

from http.cookies import SimpleCookie

import pytest

from arrivals.core.wire import SECOND
from arrivals.web.dashboard.session import LASTS, Sessions

NOW = 1_790_000_000 * SECOND
OLD, NEW = "the-older-key-of-the-tests", "the-newer-key-of-the-tests"
SITE = Sessions(keys=(NEW, OLD), public_url="https://arrivals.example.com")
PLAIN = Sessions(keys=(NEW,), public_url="http://127.0.0.1:8080")


def begun(site=SITE, number="n-1"):
    """A session, and the `Cookie` header that a browser sends for it."""
    session, cookie = site.begin("key_1", number, NOW)
    return session, cookie.partition(";")[0]


@pytest.mark.parametrize(
    ("site", "name", "secure"), [(SITE, "__Host-arrivals", True), (PLAIN, "arrivals", "")], ids=["https", "http"]
)
def test_the_cookie_is_for_this_site_and_out_of_reach_of_scripts(site, name, secure):
    _, header = site.begin("key_1", "n-1", NOW)
    (cookie,) = SimpleCookie(header).values()

    assert (name, True, "Strict", "/", secure, str(LASTS // SECOND), "") == (
        cookie.key, cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"], cookie["max-age"],
        cookie["domain"],
    )  # fmt: skip


def test_a_session_is_read_as_it_was_begun():
    session, sent = begun()

    assert session == SITE.read(sent, NOW) == SITE.read(f"other=1; {sent} ; more", NOW)
    assert session == SITE.read(sent, NOW + LASTS - 1)
    assert None is SITE.read(sent, NOW + LASTS)


def test_a_key_that_was_rotated_still_opens_and_a_strangers_does_not():
    session, sent = begun(Sessions(keys=(OLD,), public_url=SITE.public_url))
    _, strange = begun(Sessions(keys=("a-key-of-somebody-else",), public_url=SITE.public_url))

    assert session == SITE.read(sent, NOW)
    assert None is SITE.read(strange, NOW)


@pytest.mark.parametrize(
    "cookie",
    [None, "", "arrivals=x", *(f"__Host-arrivals={text}" for text in ("", "a.b.c~x", "x" * 10_000)), "é=\x00;;="],
)
def test_anything_else_is_no_session(cookie):
    assert None is SITE.read(cookie, NOW)


def test_what_is_signed_and_no_session_is_none():
    signed = SITE._signer().sign("key_1.n-1").decode()
    worded = SITE._signer().sign("key_1.n-1.soon").decode()

    assert None is SITE.read(f"__Host-arrivals={signed}", NOW)
    assert None is SITE.read(f"__Host-arrivals={worded}", NOW)


@pytest.mark.parametrize("place", range(1, 60, 3))
def test_an_altered_cookie_is_no_session(place):
    _, sent = begun()
    value = sent.partition("=")[2]
    altered = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]

    assert None is SITE.read(f"__Host-arrivals={altered}", NOW)


def test_the_end_of_a_session_empties_the_cookie():
    (cookie,) = SimpleCookie(SITE.end()).values()

    assert ("", "0") == (cookie.value, cookie["max-age"])


@pytest.mark.parametrize("method", ["POST", "patch", "PUT", "DELETE"])
def test_a_change_needs_the_token_of_the_very_session(method):
    session, _ = begun()
    other, _ = begun(number="n-2")
    rotated = Sessions(keys=("the-newest-of-all-keys", NEW), public_url=SITE.public_url)

    assert SITE.permits(session, method, SITE.csrf_token(session))
    assert rotated.permits(session, method, SITE.csrf_token(session))
    for wrong in (None, "", "é", SITE.csrf_token(other), PLAIN.csrf_token(other)):
        assert not SITE.permits(session, method, wrong)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_needs_none(method):
    session, _ = begun()

    assert SITE.permits(session, method, None)
