"""The proxy that a call out goes through, by the variables that other programs on the machine read too.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; their forms in small letters go first. This machine itself is
never called through a proxy. Source: https://everything.curl.dev/usingcurl/proxies/env.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
import ipaddress
from urllib.parse import SplitResult, unquote, urlsplit

from arrivals.core.origin import PORTS


class BadProxy(ValueError):
    """A variable of the environment names a proxy that cannot be used; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxies of an environment. `by_scheme`: for http and https, the variable and its value, which may hold a
    password; `exceptions`: the hosts, domains and networks that are called without one.
    """

    by_scheme: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    exceptions: tuple[str, ...] = ()

    def proxy_for(self, url: str) -> str | None:
        """The URL of the proxy for a call; None if it goes there itself. Raises BadProxy."""
        if not self.by_scheme:
            return None
        parts = _split(url)
        named = self.by_scheme.get(parts.scheme) if parts else None
        if parts is None or named is None or _is_local(parts.hostname or ""):
            return None
        port = parts.port or PORTS[parts.scheme]
        if any(_matches(entry, (parts.hostname or "").lower(), port) for entry in self.exceptions):
            return None
        return _usable(*named)

    @property
    def passwords(self) -> tuple[str, ...]:
        """The passwords in the URLs, which no log may show."""
        parts = [_split(_with_scheme(value)) for _, value in self.by_scheme.values()]
        return tuple(unquote(part.password) for part in parts if part and part.password)


def read_proxies(environment: Mapping[str, str]) -> Proxies:
    """The proxies of an environment; a variable that is empty names none."""
    by_scheme = {}
    for scheme in PORTS:
        for name in _names(f"{scheme}_proxy", "all_proxy"):
            if name in environment:
                if environment[name].strip():
                    by_scheme[scheme] = name, environment[name].strip()
                break
    without = next((environment[name] for name in _names("no_proxy") if name in environment), "")
    return Proxies(by_scheme=by_scheme, exceptions=tuple(part.strip() for part in without.split(",") if part.strip()))


def _names(*small: str) -> Iterator[str]:
    for name in small:
        yield name
        yield name.upper()


def _usable(name: str, value: str) -> str:
    url = _with_scheme(value)
    parts = _split(url)
    if parts is None:  # the value is not shown: it may hold a password
        raise BadProxy(f"{name} must be the http:// or https:// URL of a proxy; others, such as SOCKS, cannot be used")
    return url


def _with_scheme(value: str) -> str:
    return value if "://" in value else f"http://{value}"


def _split(url: str) -> SplitResult | None:
    """The parts of a URL of http or https with a host and a port that can be; None for any other."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _is_local(host: str) -> bool:
    """True for this machine by its own names, as Go and browsers see it."""
    address = _address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def _matches(entry: str, host: str, port: int) -> bool:
    """True if an entry of NO_PROXY stands for the host: `*`, a name with what is below it, an address or a network."""
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        return address in _network(entry)
    name, colon, entry_port = entry.lower().rpartition(":")
    if not colon or not entry_port.isdecimal() or _address(entry.strip("[]")):
        name, entry_port = entry.lower(), str(port)
    name = name.strip("[]").removeprefix("*").lstrip(".")
    if entry_port != str(port):
        return False
    return host == name or (address is None and host.endswith(f".{name}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> "ipaddress.IPv4Network | ipaddress.IPv6Network | tuple[()]":
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return ()
