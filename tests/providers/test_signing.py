"""Signature schemes: right for each accepted secret, wrong for everything else, never an exception."""

import hashlib
import hmac

import pytest

from arrivals.providers._shared.signatures import hex_hmac_matches, secret_matches

BODY = b'{"id": "1"}'
MALFORMED = [None, "", " ", "\x00", "é", "sha256=", "sha256=" * 50, "g" * 64, "0" * 63, "0" * 65, "x" * 100_000]


def signed(secret, body=BODY):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("secrets", [["a"], ["b", "a"], ("a", "b"), ["", "a"]])
def test_any_accepted_secret_will_do(secrets):
    """So that a secret can be replaced without losing a webhook."""
    assert secret_matches("a", secrets)
    assert hex_hmac_matches(signed("a"), BODY, secrets)


@pytest.mark.parametrize("secrets", [[], ["b"], ["A"], ["aa"], [""]])
def test_other_secrets_will_not(secrets):
    assert not secret_matches("a", secrets)
    assert not hex_hmac_matches(signed("a"), BODY, secrets)


@pytest.mark.parametrize("sent", MALFORMED)
@pytest.mark.parametrize("secrets", [[], ["a"], ["a", "b"], [""], ["é?"]])
def test_malformed_header_is_a_mismatch(sent, secrets):
    assert not secret_matches(sent, secrets)
    assert not hex_hmac_matches(sent, BODY, secrets)


@pytest.mark.parametrize("sent", ["", None])
def test_empty_secret_is_no_secret(sent):
    """An account whose secret was set to nothing must not be opened by a header that says nothing."""
    assert not secret_matches(sent, [""])
    assert not hex_hmac_matches(signed(""), BODY, [""])


@pytest.mark.parametrize("written", ["{}", "sha256={}", " {} ", "sha256={}\t"])
def test_signature_may_be_written_in_these_ways(written):
    assert hex_hmac_matches(written.format(signed("a")), BODY, ["a"])
    assert hex_hmac_matches(written.format(signed("a").upper()), BODY, ["a"])


@pytest.mark.parametrize("written", ["sha1={}", "v1,{}", "{}0", "0{}", "Bearer {}"])
def test_signature_written_otherwise_is_a_mismatch(written):
    assert not hex_hmac_matches(written.format(signed("a")), BODY, ["a"])


def test_signature_is_over_the_exact_bytes():
    assert not hex_hmac_matches(signed("a"), BODY + b" ", ["a"])
    assert not hex_hmac_matches(signed("a", b""), BODY, ["a"])
