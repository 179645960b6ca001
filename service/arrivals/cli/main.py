"""The commands, by name. A command's module, and what it needs, is imported when that command runs."""

from importlib import import_module
import sys
from types import TracebackType

import click

from arrivals import __version__

# heading: command: the module that holds it, and its line in `arrivals --help`, which imports none of them
GROUPS = {
    "Use": {
        "submit": ("arrivals.cli.submit", "Order one generation of MODEL from PROVIDER."),
        "list": ("arrivals.cli.generations", "List generations, newest first."),
        "show": ("arrivals.cli.show", "Say what happened to one generation."),
        "watch": (
            "arrivals.cli.watch",
            "Watch what is under way, with its age; with ids only those, until each has ended.",
        ),
        "download": ("arrivals.cli.download", "Write the outputs of a generation into files."),
        "cancel": ("arrivals.cli.generations", "Cancel generations."),
        "poll": ("arrivals.cli.generations", "Ask the provider about one generation now."),
        "events": ("arrivals.cli.events", "List events, and send one again."),
        "listen": ("arrivals.cli.listen", "Forward events to a program on this machine."),
    },
    "Operate": {
        "serve": ("arrivals.cli.serve", "Run the service."),
        "doctor": ("arrivals.cli.doctor.command", "Find common mistakes, and say what to do about each."),
        "keys": ("arrivals.cli.keys", "Make, list, rotate and revoke API keys."),
        "providers": ("arrivals.cli.providers", "List providers and their behavior in the last seven days."),
        "subscribers": ("arrivals.cli.subscribers", "Register and manage subscribers to events."),
        "retry": ("arrivals.cli.subscribers", "Attempt a delivery now, also one that was given up."),
        "webhooks": ("arrivals.cli.webhooks", "Show, replay and export stored webhooks."),
        "replays": ("arrivals.cli.replays", "Read webhooks or send events again; no generation is closed twice."),
        "backup": (
            "arrivals.cli.backup",
            "Copy the SQLite database to FILE and its keys to FILE.keys, also beside a running service.",
        ),
        "restore": ("arrivals.cli.backup", "Put a backup in the place of the SQLite database."),
        "new-epoch": ("arrivals.cli.backup", "Finish the restore of a PostgreSQL database."),
        "migrate": ("arrivals.cli.database", "Bring the database up to date, and say what was applied."),
        "prune": ("arrivals.cli.database", "Delete what is older than the settings keep."),
    },
    "Prove": {
        "demo": ("arrivals.lab.commands.demo", "Run the main job from end to end, on this machine alone."),
        "rehearse": ("arrivals.lab.commands.rehearse", "Run stand-ins for the providers, with faults on demand."),
        "bench": ("arrivals.lab.commands.bench", "Measure the service on this machine."),
        "torture": (
            "arrivals.lab.commands.torture",
            "Kill the service, its database, its disk and its clock while it works; exit code 1 if anything is lost.",
        ),
    },
}
COMMANDS = {name: place for group in GROUPS.values() for name, place in group.items()}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called; until then it holds their names."""

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command object of that name in its module."""
        if name not in COMMANDS:
            return None
        module, _ = COMMANDS[name]
        command: click.Command = getattr(import_module(module), f"{name.replace('-', '_')}_command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands, as click does, under the headings of the table."""
        widest = max(map(len, COMMANDS))
        for heading, group in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), words) for name, (_, words) in group.items()])


@click.command(cls=LazyGroup, commands={name: click.Command(name) for name in COMMANDS})
@click.version_option(__version__, prog_name="arrivals")
def main() -> None:
    """Arrivals: submit AI media generations, take their webhooks, poll for the rest, announce each end once.

    Settings come from the environment (ARRIVALS_…); docs/operating.md lists them. Exit codes: 0 done, 1 failed or
    refused, 2 wrong usage.
    """
    sys.excepthook = _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    from arrivals.logs import report_crash

    report_crash(kind, error, traceback)
