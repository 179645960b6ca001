"""`arrivals doctor`: finds common mistakes, and says what to do about each."""

from collections.abc import Iterator
import os
import sys

import click

from arrivals.cli.connection import connection_options
from arrivals.cli.doctor.backup import backup
from arrivals.cli.doctor.breakers import breakers
from arrivals.cli.doctor.clock import against_database
from arrivals.cli.doctor.disk import disk
from arrivals.cli.doctor.local import Check, database, settings_readable
from arrivals.cli.doctor.network import providers, public_url
from arrivals.cli.doctor.service import service_and_subscribers
from arrivals.cli.doctor.stored import read_diagnosis
from arrivals.cli.doctor.webhooks import webhooks
from arrivals.cli.doctor.workers import due_work
from arrivals.cli.output import print_json, show_table
from arrivals.logs import configure


@click.command("doctor")
@click.option("--json", "json_output", is_flag=True, help="One JSON object.")
@connection_options
def doctor_command(json_output: bool, url: str | None, key: str | None) -> None:
    """Find common mistakes, and say what to do about each.

    Checks settings, database, disk, backups, clocks, workers, webhooks, breakers, service, subscribers, public URL and
    keys. Exit code 1: one is wrong.

    Nothing is changed, and no request costs money.
    """
    configure("console", "error")
    checks = list(_checks(url, key))
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


def _checks(url: str | None, key: str | None) -> Iterator[Check]:
    settings, check = settings_readable(os.environ)
    yield check
    if settings is None:
        return
    yield from database(settings)
    diagnosis = read_diagnosis(settings)
    if diagnosis is not None:
        yield from disk(settings, diagnosis)
        yield from backup(settings, diagnosis)
        yield from against_database(settings, diagnosis)
        yield from due_work(diagnosis)
        yield from webhooks(diagnosis)
        yield from breakers(diagnosis)
    yield from service_and_subscribers(settings, url, key)
    yield from public_url(settings)
    yield from providers(settings)
