"""Expected failures of a command: one line on standard error, and an exit code."""

from collections.abc import Callable
from functools import wraps
import os
import sys
from typing import Any

import click

from arrivals.client import ServiceError, Unreachable
from arrivals.config.declarations import BadSetting
from arrivals.config.settings import Settings, read_settings
from arrivals.store.engine.base import StoreError


def settings_from_environment() -> Settings:
    """The settings; if one is wrong, the process says so and ends with exit code 2."""
    try:
        return read_settings(os.environ)
    except BadSetting as error:
        click.echo(f"arrivals: {error}", err=True)
        sys.exit(2)


def handle_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose expected failures end in one line and exit code 1 (2 for a setting), not in a stack trace."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except BadSetting as error:
            click.echo(f"arrivals: {error}", err=True)
            sys.exit(2)
        except (StoreError, ServiceError, Unreachable, OSError) as error:
            click.echo(f"arrivals: {error}", err=True)
            sys.exit(1)

    return run
