"""The commands, by name. What a command needs is imported when it runs, so that each starts quickly."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
import os
import sys
from typing import Any

import click

from arrivals import __version__
from arrivals.client import ServiceError, Unreachable
from arrivals.config.settings import BadSetting, Settings, read_settings
from arrivals.logs import tell_crash
from arrivals.store.engine.base import StoreError

# command: the module that holds it
COMMANDS = {
    "bench": "arrivals.lab.commands.bench",
    "demo": "arrivals.lab.commands.demo",
    "doctor": "arrivals.cli.doctor.command",
    "events": "arrivals.cli.events",
    "keys": "arrivals.cli.keys",
    "list": "arrivals.cli.generations",
    "listen": "arrivals.cli.listen",
    "migrate": "arrivals.cli.database",
    "providers": "arrivals.cli.providers",
    "prune": "arrivals.cli.database",
    "rehearse": "arrivals.lab.commands.rehearse",
    "replays": "arrivals.cli.replays",
    "serve": "arrivals.cli.serve",
    "show": "arrivals.cli.generations",
    "submit": "arrivals.cli.submit",
    "subscribers": "arrivals.cli.subscribers",
    "torture": "arrivals.lab.commands.torture",
    "watch": "arrivals.cli.watch",
    "webhooks": "arrivals.cli.webhooks",
}


class Lazy(click.Group):
    """Imports a command's module only when that command is asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """By name."""
        return sorted(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command object of that name in its module."""
        if name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(COMMANDS[name]), f"{name}_command")
        return found


@click.command(cls=Lazy)
@click.version_option(__version__, prog_name="arrivals")
def main() -> None:
    """Arrivals: submit AI media generations, take their webhooks, poll for the rest, announce each end once.

    Settings come from the environment (ARRIVALS_…); the README lists them.
    """
    sys.excepthook = tell_crash


def settings_from_environment() -> Settings:
    """The settings, or an end with exit code 2 that says what is wrong with them."""
    try:
        return read_settings(os.environ)
    except BadSetting as error:
        click.echo(f"arrivals: {error}", err=True)
        sys.exit(2)


def handle_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Expected troubles end in one line and exit code 1 (2 for a setting), not in a stack trace."""

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
