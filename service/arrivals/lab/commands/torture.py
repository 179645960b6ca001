"""`arrivals torture`: kills the service at every point that matters and spoils its machine, then compares the books."""

from importlib.util import find_spec
import sys
from typing import Any

import click

from arrivals.cli.errors import handle_errors
from arrivals.cli.extras import how_to_install
from arrivals.cli.output import print_json
from arrivals.lab.bench.database_target import NotEmpty
from arrivals.lab.torture.report import show
from arrivals.lab.torture.torture import CASES, Interrupted, Options, torture


@click.command("torture")
@click.option("--json", "json_output", is_flag=True, help="Only the report, as one JSON object.")
@click.option(
    "--database", help="An empty PostgreSQL database (URL), or the path of a new SQLite file; both end empty."
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Deaths at random moments; other cases take fewer, in proportion.",
)
@click.option("--seed", default=1, show_default=True, help="Varies what is ordered and when it dies.")
@click.option("--only", type=click.Choice(CASES), multiple=True, help="This case alone; may be given several times.")
@click.option("--point", "points", multiple=True, help="Only points that begin like this; may be given several times.")
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(min=5),
    default=60,
    show_default=True,
    help="Seconds of every order; each case needs as long to come to rest.",
)
@handle_errors
def torture_command(*, json_output: bool, **options: Any) -> None:
    """Kill the service, its database, its disk and its clock while it works; exit code 1 if anything is lost.

    A case that cannot be made on this machine is skipped, and the report says what to install.
    """
    if find_spec("standardwebhooks") is None:
        raise click.ClickException(f"the torture verifies with a package of its own; {how_to_install('lab')}")
    try:
        report = torture(Options(quiet=json_output, **options))
    except NotEmpty as error:
        raise click.UsageError(str(error)) from error
    except ModuleNotFoundError as error:
        raise click.ClickException(f"PostgreSQL needs {error.name}; {how_to_install('postgres')}") from error
    except Interrupted as error:
        raise click.ClickException(str(error)) from error
    if json_output:
        print_json(report)
    else:
        show(report)
    sys.exit(1 if report["failed"] else 0)
