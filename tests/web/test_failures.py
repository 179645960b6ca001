"""Failures by address: a burst is free, then there is one guess in so long, and what is remembered is bounded."""

import pytest

from service.core.wire import SECOND
from service.web import failures
from service.web.failures import BURST, EVERY, Failures

NOW = 1_790_000_000 * SECOND


def failing(count, address="192.0.2.1", now=NOW):
    made = Failures()
    told = [made.failed(address, f"guess-{number}", now) for number in range(count)]
    return made, told


def test_a_burst_is_free_and_then_an_address_waits():
    made, told = failing(BURST - 1)
    assert 0 == made.wait_of("192.0.2.1", "guess", NOW)

    assert [False] * (BURST - 1) == told
    assert made.failed("192.0.2.1", "guess", NOW)
    assert EVERY == made.wait_of("192.0.2.1", "guess", NOW)
    assert 0 == made.wait_of("192.0.2.1", "guess", NOW + EVERY)
    assert 0 == made.wait_of("192.0.2.2", "guess", NOW)


def test_patience_gives_the_burst_back():
    made, _ = failing(BURST)
    later = NOW + BURST * EVERY

    told = [made.failed("192.0.2.1", "guess", later) for _ in range(BURST)]

    assert [False] * (BURST - 1) + [True] == told


def test_a_key_that_was_admitted_is_not_locked_out_by_others():
    made = Failures()
    made.admitted("somebody's")
    for _ in range(BURST):
        made.failed("192.0.2.1", "guess", NOW)

    assert 0 == made.wait_of("192.0.2.1", "somebody's", NOW)
    assert made.wait_of("192.0.2.1", "guess", NOW)


def test_a_key_that_is_admitted_no_more_is_a_guess_like_any_other():
    made = Failures()
    made.admitted("revoked")
    for _ in range(BURST):
        made.failed("192.0.2.1", "revoked", NOW)

    assert made.wait_of("192.0.2.1", "revoked", NOW)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("a socket", "a socket", True),
    ],
)
def test_an_ipv6_network_is_one_address(first, second, same):
    made, _ = failing(BURST, first)

    assert same == (made.wait_of(second, "guess", NOW) > 0)


def test_who_failed_longest_ago_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(failures, "MOST_ADDRESSES", 3)
    monkeypatch.setattr(failures, "MOST_KNOWN", 3)
    made, _ = failing(BURST, "192.0.2.1")
    for number in range(2, 5):
        made.failed(f"192.0.2.{number}", "guess", NOW)
        made.admitted(f"key-{number}")
    made.admitted("key-2")
    made.admitted("key-5")

    assert 0 == made.wait_of("192.0.2.1", "guess", NOW)
    assert ["192.0.2.2", "192.0.2.3", "192.0.2.4"] == [*made._paid_until]
    assert ["key-4", "key-2", "key-5"] == [*made._known]
