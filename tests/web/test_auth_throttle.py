"""Guesses by address: a burst is free, then there is one in so long, and what is remembered is bounded."""

import pytest

from arrivals.core.wire import SECOND
from arrivals.web import auth_throttle
from arrivals.web.auth_throttle import BURST, EVERY, AuthThrottle

NOW = 1_790_000_000 * SECOND
HERE = "192.0.2.1"


def guess(made, digest="guess", address=HERE, now=NOW):
    """Makes a guess; returns how long it has to wait, else whether the address has to from now on."""
    wait = made.tries(address, digest, now)
    if wait:
        return wait
    made.tried(digest)
    return made.failed(address, digest, now)


@pytest.fixture
def guessed():
    """A throttle after a burst of guesses."""
    made = AuthThrottle()
    assert [False] * (BURST - 1) + [True] == [guess(made, f"guess-{number}") for number in range(BURST)]
    return made


def test_a_burst_is_free_and_then_an_address_waits(guessed):
    assert EVERY == guess(guessed)
    assert False is guess(guessed, address="192.0.2.2")
    assert True is guess(guessed, now=NOW + EVERY)
    assert EVERY == guess(guessed, now=NOW + EVERY)


def test_guesses_of_one_moment_are_counted_before_any_is_looked_up():
    made = AuthThrottle()

    waits = [made.tries(HERE, f"guess-{number}", NOW) for number in range(1500)]

    assert BURST == waits.count(0)


def test_who_guesses_on_while_it_has_to_wait_owes_no_more_for_it(guessed):
    """An address that was flooded for an hour waits no longer than one that just used up its burst."""
    for _ in range(10_000):
        guess(guessed)

    assert EVERY == guess(guessed)


def test_patience_gives_the_burst_back(guessed):
    later = NOW + BURST * EVERY

    assert [False] * (BURST - 1) + [True] == [guess(guessed, now=later) for _ in range(BURST)]


def test_many_who_send_one_key_at_one_moment_make_one_try():
    """An application may start with two hundred requests at once."""
    made = AuthThrottle()

    assert [0] * 200 == [made.tries(HERE, "somebody's", NOW) for _ in range(200)]
    for _ in range(200):
        made.tried("somebody's")
        made.admitted(HERE, "somebody's")

    assert [False] * (BURST - 1) + [True] == [guess(made, f"guess-{number}") for number in range(BURST)]


def test_a_key_that_was_admitted_is_not_locked_out_by_others(guessed):
    guessed.admitted(HERE, "somebody's")
    guess(guessed)

    assert False is guess(guessed, "somebody's", now=NOW + EVERY)


def test_a_key_that_is_admitted_no_more_is_a_guess_like_any_other(guessed):
    guessed.admitted("192.0.2.9", "revoked")
    assert True is guess(guessed, "revoked")

    assert EVERY == guess(guessed, "revoked")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("a socket", "a socket", True),
    ],
)
def test_an_ipv6_network_is_one_address_and_a_mapped_one_is_its_own(first, second, same):
    made = AuthThrottle()
    for number in range(BURST):
        guess(made, f"guess-{number}", first)

    assert same == (guess(made, address=second) is not False)


def test_who_failed_longest_ago_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(auth_throttle, "MAX_ADDRESSES", 3)
    monkeypatch.setattr(auth_throttle, "MAX_KEYS", 3)
    made = AuthThrottle()
    for number in range(1, 5):
        guess(made, address=f"192.0.2.{number}")
        made.admitted("192.0.2.9", f"key-{number}")
    made.admitted("192.0.2.9", "key-2")
    made.admitted("192.0.2.9", "key-5")

    assert ["192.0.2.2", "192.0.2.3", "192.0.2.4"] == [*made._paid_until]
    assert ["key-4", "key-2", "key-5"] == [*made._admitted]
    assert not made._trying
