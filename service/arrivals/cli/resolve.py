"""Which service, or which program, a command talks to, and how it gets there: by its options and the settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from arrivals.client import Client
from arrivals.client.http import connections_to
from arrivals.config.declarations import BadSetting
from arrivals.config.key_file import key_file_path, read_keys
from arrivals.config.parsing import plain, trimmed
from arrivals.config.settings import Settings


def resolve(settings: Settings, url: str | None, key: str | None) -> Client:
    """The service that options and settings name. Raises BadSetting when there is no key for it."""
    url, key = _read("--url", url, trimmed), _read("--key", key, plain) or next(iter(settings.api_keys), None)
    if url is None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{host}:{settings.port}"
        kept = (
            read_keys(key_file_path(settings)) if key is None else None
        )  # for the service that runs here, and no other
        key = kept.api_key if kept else key
    if key is None:
        raise BadSetting("no API key for this service; set ARRIVALS_API_KEY or pass --key")
    with _surroundings_named():
        return Client(url, key)


def program_at(url: str, timeout_s: float) -> httpx.Client:
    """Connections to a program of the caller's own. Raises BadSetting."""
    with _surroundings_named():
        return connections_to(url, timeout_s)


@contextmanager
def _surroundings_named() -> Iterator[None]:
    """Raises BadSetting for a proxy or certificates of the environment that cannot be used."""
    try:
        yield
    except ValueError as error:
        raise BadSetting(str(error)) from error


def _read(option: str, text: str | None, read: Callable[[str], str]) -> str | None:
    """The value of an option, None where it has none. Raises BadSetting."""
    try:
        return read(trimmed(text)) if text and text.strip() else None
    except ValueError as error:
        raise BadSetting(f"{option} must be {error}") from error
