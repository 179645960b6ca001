"""A secret is hidden however whoever knows it writes it, and nothing else is."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from arrivals.core.mask import HIDDEN, MAX_UNESCAPED_BYTES, Mask

TOKEN = "gen_06bfzdm9f00ctmeqj2h00n5h81.team_b~" + "aB3_-" * 8 + "xyz"
SECRETS = ["sk-0123/45+67=89", "a secret & more ☂", 'with"quote\\and<tag>', TOKEN[-43:], "percent%25and%2Fmore"]


def every(form):
    """Each character by itself."""
    return lambda secret: "".join(form(character) for character in secret)


def in_base64(before="", *, urlsafe=False):
    """Somewhere in a longer text that is encoded."""
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return lambda secret: encode(f"{before}{secret}, and more".encode()).decode()


def units(character):
    """The two, or four, bytes that JSON writes of it."""
    return "".join(f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le")).cast("H"))


FORMS = {
    "plain": str,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON, as PHP writes it": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)[1:-1].replace("/", "\\/"))[1:-1],
    "JSON by numbers": every(units),
    "JSON by numbers in capitals": lambda secret: every(units)(secret).upper().replace("\\U", "\\u"),
    "percent": lambda secret: quote(secret, safe=""),
    "percent, lower case": lambda secret: "".join(
        character.lower() if len(character) > 1 else character for character in map(_quoted, secret)
    ),
    "percent, every letter": every(lambda character: "".join(f"%{byte:02X}" for byte in character.encode())),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "form": quote_plus,
    "HTML": lambda secret: html.escape(secret).replace("/", "&#x2F;"),
    "HTML by numbers": every(lambda character: f"&#{ord(character)};"),
    "HTML in JSON": lambda secret: json.dumps(html.escape(secret))[1:-1],
    "JSON in a URL": lambda secret: quote(json.dumps(every(units)(secret)), safe=""),
    "URL in JSON in HTML": lambda secret: html.escape(json.dumps(quote(secret, safe="").replace("%", "\\u0025"))),
    "program": every(lambda character: "".join(f"\\x{byte:02x}" for byte in character.encode())),
    "base64": in_base64(),
    "base64, second place": in_base64("1"),
    "base64, third place": in_base64("12"),
    "base64 of URLs": in_base64("12", urlsafe=True),
}


def _quoted(character):
    return quote(character, safe="")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_secret_is_hidden_in_every_form(secret, form):
    written = form(secret)

    shown = Mask([secret]).text(f"told: {written} and so on")

    assert HIDDEN in shown
    assert written not in shown
    assert secret[2:-2] not in shown
    assert shown.startswith("told: ")
    assert shown.endswith(" and so on")


def test_what_stands_around_is_left_as_it_was():
    text = "a \\/ b %20 c &amp; d \\u0041 sk-0123\\/45+67=89 %zz"

    assert "a \\/ b %20 c &amp; d \\u0041 ******** %zz" == Mask(SECRETS).text(text)


@pytest.mark.parametrize("text", ["", "nothing of it", "sk-0123/45+67=8", "100 % \\ & of it", "gen_06bf.default", "…"])
def test_what_holds_no_secret_is_itself(text):
    """The beginning of one counts at the end alone, where something may have been cut off."""
    text = f"{text}."
    content = text.encode()

    assert text is Mask(SECRETS).text(text)
    assert content is Mask(SECRETS).octets(content)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("told: sk-0123/45+6", "told: ********"),
        ("told: sk-0123/4…", "told: ********…"),
        ("told: sk-0123\\/45", "told: ********"),
        ("told: sk-0123/", "told: ********"),
        ("told: sk-0123", "told: sk-0123"),
        ("sk-0123/45+6 told", "sk-0123/45+6 told"),
    ],
)
def test_secret_that_is_cut_off_is_hidden_as_far_as_it_stands_there(text, shown):
    assert shown == Mask(SECRETS).text(text)


def test_short_secret_hides_nothing():
    assert "the key is key" == Mask(["key", ""]).text("the key is key")


def test_longest_secret_is_hidden_whole_and_neighbors_as_one():
    mask = Mask(["secret-one", "secret-one-and-two"])

    assert "a ******** b" == mask.text("a secret-one-and-two b")
    assert "a ******** b" == mask.text("a secret-onesecret-one b")
    assert "******** ********" == mask.text("secret-one secret-one")


@pytest.mark.parametrize("form", ["plain", "percent, every letter", "JSON by numbers"])
def test_token_of_any_callback_url_is_hidden_and_its_url_told(form):
    """A generation's neighbor's, or one that an older key signed."""
    url = f"https://arrivals.example.com/callbacks/eachlabs/{FORMS[form](TOKEN)}"

    assert "no: https://arrivals.example.com/callbacks/eachlabs/******** failed" == Mask([]).text(f"no: {url} failed")


def test_token_whose_end_is_missing_is_hidden():
    assert "at ********" == Mask([]).text(f"at {TOKEN[:50]}")


def test_url_of_somebody_else_is_no_secret():
    url = "https://shop.example/callbacks/arrivals/hook?for=gen_06bfzdm9f00ctmeqj2h00n5h81"

    assert url is Mask(SECRETS).text(url)


def test_digest_is_hidden_where_one_may_be_a_derived_secret():
    digest = "0123456789abcdef" * 4

    assert "it is ********" == Mask([], digests=True).text(f"it is {digest}")
    assert f"it is {digest}" == Mask([]).text(f"it is {digest}")
    assert f"it is {digest}0" == Mask([], digests=True).text(f"it is {digest}0")


def test_bytes_are_masked_whatever_they_are():
    assert b"\xff\x00********\xfe" == Mask(SECRETS).octets(b"\xff\x00sk-0123/45+67=89\xfe")


def test_what_is_very_large_is_looked_at_as_it_is():
    padding = b"%61" * (MAX_UNESCAPED_BYTES // 3 + 1)

    masked = Mask(SECRETS).octets(padding + b"sk-0123/45+67=89" + b"sk-0123\\/45+67=89")

    assert padding + b"********sk-0123\\/45+67=89" == masked


@pytest.mark.parametrize(
    ("texts", "touched"),
    [
        ([], False),
        (["fine", "also"], False),
        (["fine", "sk-0123/45+67=89"], True),
        (["sk-0123\\/45+6", "cut off"], True),
        ([f"at {TOKEN}"], True),
        (["100 %41 &"], False),
    ],
)
def test_texts_that_hold_no_secret_are_known_soon(texts, touched):
    assert touched == Mask(SECRETS[:1]).touches(texts)


@for_all(st.text(min_size=8), st.text(), st.text(), st.sampled_from([*FORMS]))
def test_no_secret_and_no_text_make_it_raise(secret, before, after, name):
    try:
        written = FORMS[name](secret)
    except UnicodeEncodeError:  # half a character has no such form
        written = secret
    mask = Mask([secret])

    shown = mask.text(f"{before}{written}{after}")

    assert mask.octets(shown.encode(errors="surrogatepass")) is not None
    assert name != "plain" or secret not in shown or secret in HIDDEN * 3


@for_all(st.binary(), st.binary())
def test_no_bytes_make_it_raise(before, after):
    Mask(SECRETS).octets(before + b"sk-0123/45+67=89" + after)
