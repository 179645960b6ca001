"""Escapes are undone for looking, and every place is known in the original."""

from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from arrivals.core.unescaped import unescaped


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        (rb"a\/b", b"a/b"),
        (rb"a\\\/b", b"a/b"),
        (rb"\"a\\b\'", b"\"a\\b'"),
        (rb"\u0061\U0062\\u0063", b"abc"),
        (rb"\u00e9\u2602", "é☂".encode()),
        (rb"\ud83e\uDD8A", "🦊".encode()),
        (rb"\ud83e", b"\xed\xa0\xbe"),
        (rb"\x61\\x62", b"ab"),
        (b"%61%2F%2f%E2%98%82", "a//☂".encode()),
        (b"%2561%252561", b"aa"),
        (b"%25", b"%"),
        (b"&#97;&#x62;&#x63&#100&amp;#101;", b"abcde"),
        (b"&amp;&AMP;&sol;&quot;&percnt;", b'&&/"%'),
        (b"&#9999999;", "\U0010ffff".encode()),
        (b"100% of \\ and & more &nosuch; %zz", b"100% of \\ and & more &nosuch; %zz"),
    ],
)
def test_escapes_are_what_they_mean(content, meant):
    assert meant == unescaped(content).content


@pytest.mark.parametrize("content", [b"", b"plain text", "☂".encode()])
def test_what_holds_no_escape_is_as_it_is(content):
    assert unescaped(content) is None


@pytest.mark.parametrize(
    ("content", "word", "written"),
    [
        (rb"see a\/b here", b"a/b", rb"a\/b"),
        (b"%61%62%63", b"b", b"%62"),
        (b"%61%62%63", b"bc", b"%62%63"),
        (b"x%61y", b"xay", b"x%61y"),
        (b"%61y%62", b"y", b"y"),
        (b"ab %20 cd", b"cd", b"cd"),
        (rb"\u2602", b"\x98", rb"\u2602"),
    ],
)
def test_part_is_known_in_the_original_with_whole_escapes(content, word, written):
    plain = unescaped(content)
    start = plain.content.index(word)

    begin, end = plain.origin(start, start + len(word))

    assert written == content[begin:end]


@for_all(
    st.lists(st.sampled_from([b"a", b"/", rb"\/", b"%61", b"%", b"\\", b"&", b"&#97;", rb"\u0061", b"amp;", b"25"]))
)
def test_every_part_comes_from_somewhere_and_the_whole_from_the_whole(pieces):
    content = b"".join(pieces)
    plain = unescaped(content)
    if plain is not None and plain.content:
        spans = [plain.origin(at, at + 1) for at in range(len(plain.content))]

        assert (0, len(content)) == plain.origin(0, len(plain.content))
        assert all(0 <= begin < end <= len(content) for begin, end in spans)
        assert spans == sorted(spans)
