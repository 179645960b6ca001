"""Connections to a running service over its HTTP API."""

from collections.abc import Callable
from typing import Any

import click

from arrivals.cli.errors import settings_from_environment
from arrivals.client import Client


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name the service: by default the one that this environment's settings describe."""
    command = click.option("--key", help="The API key; by default that of the settings.")(command)
    return click.option("--url", help="The service's URL; by default from ARRIVALS_HOST and ARRIVALS_PORT.")(command)


def service_at(url: str | None, key: str | None) -> Client:
    """The service that the options name. Raises BadSetting when there is no key for it."""
    from arrivals.cli.resolve import resolve

    return resolve(settings_from_environment(), url, key)


def specified(**options: Any) -> dict[str, Any]:
    """The options that have a value; None and empty lists are left out."""
    return {name: value for name, value in options.items() if value not in (None, (), [])}
