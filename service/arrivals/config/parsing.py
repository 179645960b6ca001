"""Parsers of settings: each returns the value of a text, or raises ValueError with what to write instead."""

from collections.abc import Callable
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from arrivals.core.standard_webhooks import BadSecret, key_of
from arrivals.outbound.policy import Network
from arrivals.store.engine.connect import on_server

MIN_KEY_LENGTH = 16
QUOTES = "\"'`"
DAY_S, MAX_DAYS = 86_400.0, 36_500


def trimmed(text: str) -> str:
    """The text without the blanks and line ends around it, which nobody means: they come with files and copies."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
        raise ValueError("written without the quotes around it")
    return text


def choice(*choices: str) -> Callable[[str], str]:
    """One of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return read


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return int(text)

    return read


def seconds(text: str) -> float:
    """A number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10**9:
        raise ValueError("a number of seconds, such as 30 or 0.5")
    return value


def days(text: str) -> float | None:
    """A number of days as seconds; None is forever."""
    if text in ("forever", "never"):
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise ValueError('a whole number of days, or "forever"')
    return int(text) * DAY_S


def schedule(text: str) -> tuple[float, ...]:
    """Seconds, separated by commas."""
    return tuple(seconds(part.strip()) for part in text.split(","))


def url(text: str) -> str:
    """A base URL without its last slash."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    # urlsplit reads past line ends, and whoever calls the URL may not.
    if not usable or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise ValueError("a URL such as https://arrivals.example.com")
    return text.rstrip("/")


def networks(text: str) -> tuple[Network, ...]:
    """Networks, separated by commas."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"networks such as 127.0.0.0/8,10.1.0.0/16 ({error})") from error


def keys(text: str) -> tuple[str, ...]:
    """Keys, separated by commas."""
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys or any(len(key) < MIN_KEY_LENGTH or not key.isprintable() for key in keys):
        raise ValueError(f"keys of at least {MIN_KEY_LENGTH} characters, separated by commas, newest first")
    return keys


def api_keys(text: str) -> tuple[str, ...]:
    """Keys that are sent in a header, separated by commas."""
    return tuple(plain(key) for key in keys(text))


def signing_secrets(text: str) -> tuple[str, ...]:
    """Secrets that sign deliveries, separated by commas."""
    secrets = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        for secret in secrets or ("",):
            key_of(secret)
    except BadSecret as error:
        raise ValueError(f"{BadSecret.FORM}; several separated by commas, newest first") from error
    return secrets


def database(text: str) -> str:
    """The path of a file, or the URL of a server."""
    if on_server(text):
        return _server(text)
    if not Path(text).name or "://" in text or text == ":memory:" or not text.isprintable():
        raise ValueError("the path of an SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE")
    return text


def _server(text: str) -> str:
    try:
        parts = urlsplit(text)
        named = parts.port != 0 and (parts.path.strip("/") or parts.query)
    except ValueError:
        named = False
    if not named:
        raise ValueError("postgresql://USER:PASSWORD@HOST/DATABASE")
    return text


def plain(text: str) -> str:
    """Visible ASCII."""
    if not text or not all("!" <= letter <= "~" for letter in text):
        raise ValueError("visible ASCII characters without spaces or line ends")
    return text
