"""`arrivals demo`: the main job from end to end, on this machine alone."""

from importlib.util import find_spec
import sys

import click

from arrivals.cli.extras import how_to_install
from arrivals.cli.output import print_json
from arrivals.lab.demo.demo import Options, demo
from arrivals.lab.processes import NotReady


@click.command("demo")
@click.option("--json", "json_output", is_flag=True, help="Only the summary, as one JSON object.")
@click.option("--seed", default=1, show_default=True, help="Varies the faults.")
@click.option("--lose-webhooks", is_flag=True, help="No webhook ever comes; everything is learned from polls.")
@click.option("--crash", is_flag=True, help="Kill the service in the middle of the load, and start it again.")
@click.option("--keep", is_flag=True, help="Leave everything running, and say what to try next.")
@click.option("--database", metavar="URL", help="An empty PostgreSQL database, instead of a file of its own.")
@click.option("--services", type=click.IntRange(1, 8), default=1, show_default=True, help="So many on one database.")
def demo_command(
    json_output: bool, seed: int, lose_webhooks: bool, crash: bool, keep: bool, database: str | None, services: int
) -> None:
    """Run the main job from end to end, on this machine alone.

    Real processes, some hundred generations, every fault; exit code 0 only if all accounts agree.
    """
    if find_spec("standardwebhooks") is None:
        raise click.ClickException(f"the demo verifies with a package of its own; {how_to_install('lab')}")
    try:
        options = Options(
            seed=seed,
            lose_webhooks=lose_webhooks,
            crash=crash,
            keep=keep,
            quiet=json_output,
            database=database,
            services=services,
        )
        summary = demo(options)
    except NotReady as error:
        raise click.ClickException(str(error)) from error
    if json_output:
        print_json(summary.as_dict())
    sys.exit(0 if summary.agreed else 1)
