"""How a URL that somebody else wrote is read, for the decision whether it may be called and for the call alike."""

from functools import lru_cache

import httpx
from yarl import URL

MAX_REMEMBERED_CHARACTERS = 2048  # a longer one is read each time: a cache counts URLs, not bytes


def read_url(text: str) -> URL:
    """The URL as it is written, what may not stand in one escaped and nothing else changed: some are signed.

    Raises httpx.InvalidURL.
    """
    return _read(text) if len(text) > MAX_REMEMBERED_CHARACTERS else _remembered(text)


def _read(text: str) -> URL:
    try:
        url = URL(str(httpx.URL(text)), encoded=True)
        _, host = url.port, url.raw_host or ""  # read when they are used, and only then found wrong
    except ValueError as error:
        raise httpx.InvalidURL(str(error)) from error
    if "%" in host and ":" not in host:  # what no host may hold was escaped
        raise httpx.InvalidURL(f"invalid host {host!r}")
    return url


_remembered = lru_cache(maxsize=1024)(_read)
