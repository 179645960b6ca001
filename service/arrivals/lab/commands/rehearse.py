"""`arrivals rehearse`: the stand-in providers, for trying everything without a provider."""

import anyio
import click

from arrivals.cli.errors import handle_errors
from arrivals.lab.rehearsal.app import Tempo
from arrivals.lab.rehearsal.serve import serve


@click.command("rehearse")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9100, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Varies how long the work takes.")
@handle_errors
def rehearse_command(host: str, port: int, seed: int) -> None:
    """Run stand-ins for the providers, with faults on demand.

    Their first page says what they understand: curl http://127.0.0.1:9100/
    """
    click.echo(f"the stand-ins are at http://{host}:{port}/ (their record: /rehearsal/record)", err=True)
    try:
        anyio.run(lambda: serve(host, port, seed=seed, tempo=Tempo()))
    except SystemExit as error:  # uvicorn's word for a port that it cannot have
        raise OSError(f"cannot listen on {host}:{port}; choose another with --port") from error
