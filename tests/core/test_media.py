"""Media types by their grammar, URLs that may be outputs, and data URIs."""

import base64

from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from arrivals.core.media import UNKNOWN, Inline, media_type, output_objection, read_data_uri


@pytest.mark.parametrize(
    "text",
    [
        "image/png",
        "application/vnd.api+json",
        "text/plain;charset=utf-8",
        "text/plain; charset=utf-8",
        'multipart/mixed; boundary="a b;c\\"d"; x=1',
        "text/html;",
        "text/html; ; charset=utf-8",
        "video/mp4;codecs=avc1.42E01E",
    ],
)
def test_media_type_is_taken_as_it_is_written(text):
    assert text == media_type(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "image",
        "image/",
        "/png",
        "image/png, image/gif",
        "image/png\r\nx-evil: 1",
        "image/png\n",
        "image/png; charset",
        "image/png; charset=",
        'image/png; charset="utf-8',
        "image/png; a=\x01",
        "image /png",
        "ïmage/png",
        'text/plain; a="\u2028"',
        "image/" + "p" * 250,
        'a/b; c="' + "\\" * 200,
        "a/b" + ";" * 200 + "!",
        "a/b" + "; " * 120 + "=",
    ],
)
def test_what_is_no_media_type_is_none(text):
    assert media_type(text) is None


def test_space_around_a_media_type_is_no_part_of_it():
    assert "image/png" == media_type("image/png \t")


@for_all(st.text() | st.text(alphabet='a/;=" \\\t!\r\n'))
def test_whatever_is_taken_may_stand_in_a_header(text):
    accepted = media_type(text)

    assert accepted is None or (accepted.isascii() and accepted.replace("\t", " ").isprintable() and "/" in accepted)


@pytest.mark.parametrize(
    "url",
    ["https://cdn.example/1.png", "http://127.0.0.1:8000/1", "HTTPS://CDN.EXAMPLE/1", "data:,x", "DATA:image/png,x"],
)
def test_https_http_and_data_are_outputs(url):
    assert output_objection(url) is None


@pytest.mark.parametrize(
    ("url", "objection"),
    [
        ("javascript:alert(1)", "its URL begins with 'javascript'"),
        ("JavaScript:alert(1)", "its URL begins with 'javascript'"),
        ("java\nscript:alert(1)", "its URL begins with 'javascript'"),
        (" javascript:alert(1)", "its URL begins with 'javascript'"),
        ("file:///etc/passwd", "its URL begins with 'file'"),
        ("ftp://cdn.example/1", "its URL begins with 'ftp'"),
        ("blob:https://cdn.example/1", "its URL begins with 'blob'"),
        ("s" * 50 + ":x", f"its URL begins with '{'s' * 20}'"),
        ("/1.png", "its URL begins with ''"),
        ("https:1.png", "its URL leads nowhere"),
        ("https://", "its URL leads nowhere"),
        ("https://cdn.example/1\r\nx: 1", "its URL leads nowhere"),
        ("https://[::1", "its URL is none"),
        ("https://cdn.example/".ljust(9000, "x"), "its URL has 9000 characters"),
    ],
)
def test_what_else_a_provider_calls_an_output_is_none(url, objection):
    assert objection == output_objection(url)


@pytest.mark.parametrize(
    ("url", "content_type", "content"),
    [
        ("data:,a%20fox", "text/plain;charset=us-ascii", b"a fox"),
        ("data:;charset=utf-8,%E2%98%82", "text/plain;charset=utf-8", b"\xe2\x98\x82"),
        ("DATA:image/png;BASE64,Zm94", "image/png", b"fox"),
        ("data:image/png; base64,Zm94", "image/png", b"fox"),
        ("data:image/png;base64,Zm94Zg", "image/png", b"foxf"),
        ("data:image/png;base64,Zm9\n4%20Zg==", "image/png", b"foxf"),
        ("data:image/png\r\nx-evil: 1;base64,Zm94", UNKNOWN, b"fox"),
        ("data:png,fox", UNKNOWN, b"fox"),
        ("data:image/png;base64,", "image/png", b""),
        ("data:a;base64;b,x", UNKNOWN, b"x"),
    ],
)
def test_data_uri_is_its_bytes_and_what_they_are(url, content_type, content):
    assert Inline(content_type=content_type, content=content) == read_data_uri(url)


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,Zm9*",
        "data:image/png;base64,é",
        "data:image/png;base64",
        "data:" + "x" * 600 + ",y",
        "https://cdn.example/1,2",
    ],
)
def test_malformed_data_uri_is_none(url):
    assert read_data_uri(url) is None


@for_all(st.text(), st.text())
def test_no_data_uri_makes_its_reader_raise(head, content):
    read_data_uri(f"data:{head};base64,{content}")
    read_data_uri(f"data:{head},{content}")


@for_all(st.binary())
def test_what_was_encoded_comes_back(content):
    decoded = read_data_uri(f"data:image/png;base64,{base64.b64encode(content).decode()}")

    assert Inline(content_type="image/png", content=content) == decoded
