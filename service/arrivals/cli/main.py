"""The commands, by name. A command's module, and what it needs, is imported when that command runs."""

from importlib import import_module
import sys
from types import TracebackType

import click

from arrivals import __version__

# command: the module that holds it, and its line in `arrivals --help`, which imports none of them
COMMANDS = {
    "backup": (
        "arrivals.cli.backup",
        "Copy the SQLite database to FILE and its keys to FILE.keys, also beside a running service.",
    ),
    "bench": ("arrivals.lab.commands.bench", "Measure the service on this machine."),
    "demo": ("arrivals.lab.commands.demo", "Run the main job from end to end, on this machine alone."),
    "doctor": ("arrivals.cli.doctor.command", "Find common mistakes, and say what to do about each."),
    "events": ("arrivals.cli.events", "List events, and send one again."),
    "keys": ("arrivals.cli.keys", "Make, list, rotate and revoke API keys."),
    "list": ("arrivals.cli.generations", "List generations, newest first."),
    "listen": ("arrivals.cli.listen", "Forward events to a program on this machine."),
    "migrate": ("arrivals.cli.database", "Bring the database up to date, and say what was applied."),
    "new-epoch": ("arrivals.cli.backup", "Finish the restore of a PostgreSQL database."),
    "providers": ("arrivals.cli.providers", "List providers and their behavior in the last seven days."),
    "prune": ("arrivals.cli.database", "Delete what is older than the settings keep."),
    "rehearse": ("arrivals.lab.commands.rehearse", "Run stand-ins for the providers, with faults on demand."),
    "replays": ("arrivals.cli.replays", "Read webhooks or send events again; no generation is closed twice."),
    "restore": ("arrivals.cli.backup", "Put a backup in the place of the SQLite database."),
    "serve": ("arrivals.cli.serve", "Run the service."),
    "show": ("arrivals.cli.generations", "Show one generation and everything that happened to it, in order."),
    "submit": ("arrivals.cli.submit", "Order one generation of MODEL from PROVIDER."),
    "subscribers": ("arrivals.cli.subscribers", "Register and manage subscribers to events."),
    "torture": (
        "arrivals.lab.commands.torture",
        "Kill the service, its database, its disk and its clock while it works; exit code 1 if anything is lost.",
    ),
    "watch": (
        "arrivals.cli.watch",
        "Watch what is under way, with its age; with ids only those, until each has ended.",
    ),
    "webhooks": ("arrivals.cli.webhooks", "Show, replay and export stored webhooks."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """The names of the commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command object of that name in its module."""
        if name not in COMMANDS:
            return None
        module, _ = COMMANDS[name]
        command: click.Command = getattr(import_module(module), f"{name.replace('-', '_')}_command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands, as click does, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=LazyGroup)
@click.version_option(__version__, prog_name="arrivals")
def main() -> None:
    """Arrivals: submit AI media generations, take their webhooks, poll for the rest, announce each end once.

    Settings come from the environment (ARRIVALS_…); docs/operating.md lists them.
    """
    sys.excepthook = _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    from arrivals.logs import report_crash

    report_crash(kind, error, traceback)
