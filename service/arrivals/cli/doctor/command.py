"""`arrivals doctor`: finds common mistakes, and says what to do about each."""

import sys

import click

from arrivals.cli.connection import connection_options
from arrivals.cli.output import print_json, show_table


@click.command("doctor")
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@connection_options
def doctor_command(json_output: bool, url: str | None, key: str | None) -> None:
    """Find common mistakes, and say what to do about each.

    Checks settings, database, disk, backups, clocks, workers, webhooks, breakers, service, subscribers, public URL and
    keys. Exit code 1: one is wrong.

    Nothing is changed, and no request costs money.
    """
    from arrivals.cli.doctor.checks import every_check
    from arrivals.logs import configure

    configure("console", "error")
    checks = list(every_check(url, key))
    well = all(check.ok for check in checks)
    if json_output:
        print_json({"ok": well, "checks": checks})
    else:
        show_table(
            [
                {
                    "check": check.name,
                    "": "ok" if check.ok else "wrong",
                    "found": check.result,
                    "what to do": check.advice,
                }
                for check in checks
            ]
        )
    sys.exit(0 if well else 1)
