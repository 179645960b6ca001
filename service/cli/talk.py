"""Talking to a running service over its HTTP interface."""

from collections.abc import Callable, Mapping
import sys
from typing import Any

import click
import httpx

from service.cli.main import settings_from_environment
from service.keyring import keyring_path, read_keys
from service.settings import BadSetting

TIMEOUT_S = 330.0


def reaches_service(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name the service: by default the one that this environment's settings describe."""
    command = click.option("--key", help="The API key; by default the settings' own.")(command)
    return click.option("--url", help="Where the service is; by default ARRIVALS_HOST and ARRIVALS_PORT.")(command)


def talk(
    url: str | None, key: str | None, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
) -> Any:
    """The JSON answer; an error ends the command with exit code 1 and the service's own words."""
    settings = settings_from_environment()
    key = key or settings.api_key
    if url is None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{host}:{settings.port}"
        kept = (
            read_keys(keyring_path(settings)) if key is None else None
        )  # for the service that runs here, and no other
        key = kept.api_key if kept else key
    if key is None:
        raise BadSetting("there is no API key for this service; set ARRIVALS_API_KEY or give --key")
    try:
        reply = httpx.request(
            method,
            url.rstrip("/") + path,
            headers={"authorization": f"Bearer {key}", **(headers or {})},
            timeout=TIMEOUT_S,
            trust_env=False,
            **options,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        click.echo(f"arrivals: nothing answers at {url} ({error}); is `arrivals serve` running?", err=True)
        sys.exit(1)
    told = reply.json() if "json" in reply.headers.get("content-type", "") else {}
    if not reply.is_success or not told:
        detail = told.get("detail", f"HTTP {reply.status_code}; is that the address of an Arrivals?")
        click.echo(f"arrivals: {detail}", err=True)
        sys.exit(1)
    return told
