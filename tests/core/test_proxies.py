"""Which calls go through which proxy, by the variables that other programs read too."""

import pytest

from arrivals.core.proxies import BadProxy, Proxies, read_proxies

PROXY, OTHER = "http://proxy.example:3128", "http://other.example:8080"


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({}, "https://a.example", None),
        ({"HTTPS_PROXY": PROXY}, "https://a.example/path?q=1", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://a.example", None),
        ({"HTTP_PROXY": PROXY}, "http://a.example", PROXY),
        ({"HTTP_PROXY": PROXY}, "https://a.example", None),
        ({"ALL_PROXY": PROXY}, "https://a.example", PROXY),
        ({"ALL_PROXY": OTHER, "HTTPS_PROXY": PROXY}, "https://a.example", PROXY),
        ({"ALL_PROXY": OTHER, "HTTPS_PROXY": ""}, "https://a.example", None),
        ({"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, "https://a.example", PROXY),
        ({"all_proxy": f" {PROXY}\n"}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "https://a.example", PROXY),
        ({"HTTPS_PROXY": "https://user:word@proxy.example"}, "https://a.example", "https://user:word@proxy.example"),
        ({"HTTPS_PROXY": PROXY}, "not a url", None),
        ({"HTTPS_PROXY": PROXY}, "https://[a", None),
    ],
)
def test_the_proxy_is_that_of_the_scheme(environment, url, expected):
    assert expected == read_proxies(environment).proxy_for(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:8080",
        "https://api.localhost",
        "https://127.0.0.1",
        "https://127.8.9.10:1",
        "https://[::1]:8080",
    ],
)
def test_this_machine_is_called_without_a_proxy(url):
    assert read_proxies({"HTTPS_PROXY": PROXY}).proxy_for(url) is None


@pytest.mark.parametrize(
    ("without", "url", "is_direct"),
    [
        ("*", "https://a.example", True),
        ("b.example, a.example ,", "https://a.example", True),
        ("A.Example", "https://a.EXAMPLE", True),
        ("example", "https://a.example", True),
        (".example", "https://a.example", True),
        ("*.example", "https://a.example", True),
        (".a.example", "https://a.example", True),
        ("a.example", "https://aa.example", False),
        ("a.example:8443", "https://a.example:8443", True),
        ("a.example:443", "https://a.example", True),
        ("a.example:8443", "https://a.example", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("2.3", "https://10.1.2.3", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.1/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://[2001:db8::1]", False),
        ("10.0.0.0/99", "https://10.1.2.3", False),
        ("2001:db8::1", "https://[2001:db8::1]", True),
        ("[2001:db8::1]", "https://[2001:db8::1]", True),
        ("[2001:db8::1]:443", "https://[2001:db8::1]", True),
        ("2001:db8::/32", "https://[2001:db8::1]", True),
        ("", "https://a.example", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_names_is_called_without_one(name, without, url, is_direct):
    proxies = read_proxies({"HTTPS_PROXY": PROXY, name: without})

    assert is_direct is (proxies.proxy_for(url) is None)


@pytest.mark.parametrize(
    "value", ["socks5://127.0.0.1:1080", "http://", "http://user:hush@[a", "http://a:0", "http://a:99999", "ftp://a"]
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used_is_named_where_a_call_would_need_it(name, value):
    proxies = read_proxies({name: value, "NO_PROXY": "b.example"})

    assert [None, None] == [proxies.proxy_for(url) for url in ("https://localhost", "https://b.example")]
    with pytest.raises(BadProxy, match=f"^{name} must be the http:// or https:// URL of a proxy") as caught:
        proxies.proxy_for("https://a.example")
    assert "hush" not in str(caught.value)


def test_passwords_are_known_so_that_they_can_be_masked_and_not_shown():
    proxies = read_proxies({"HTTPS_PROXY": "user:pa%20ss@proxy.example", "HTTP_PROXY": PROXY, "NO_PROXY": "a"})

    assert ("pa ss",) == proxies.passwords
    assert "pa%20ss" not in repr(proxies)
    assert () == Proxies().passwords == read_proxies({"ALL_PROXY": "http://[a"}).passwords
