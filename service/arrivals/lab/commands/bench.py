"""`arrivals bench`: measures the service on this machine, each benchmark beside the most the machine could do."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
import sys
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from arrivals.cli.errors import handle_errors
from arrivals.cli.extras import how_to_install
from arrivals.cli.output import print_json, show_columns, show_facts, show_table
from arrivals.lab.bench.database_target import NotEmpty
from arrivals.lab.bench.delivery import Delivery
from arrivals.lab.bench.end_to_end import EndToEnd
from arrivals.lab.bench.environment import Died
from arrivals.lab.bench.figures import Figures
from arrivals.lab.bench.hostile import CASES as HOSTILE
from arrivals.lab.bench.hostile import Hostile
from arrivals.lab.bench.ingest import Ingest
from arrivals.lab.bench.isolation import Isolation
from arrivals.lab.bench.polls import Polls
from arrivals.lab.bench.progress import Screen
from arrivals.lab.bench.replay import Replay
from arrivals.lab.bench.running import Interrupted, run
from arrivals.lab.bench.settle import Settle
from arrivals.lab.bench.source_tree import NoBaseline
from arrivals.lab.bench.sse import Sse
from arrivals.lab.lateness.live import NotCompleted
from arrivals.lab.lateness.report import Row, live_rows, rows
from arrivals.lab.processes import NotReady
from arrivals.lab.soak.soak import Soak

COLUMNS = (
    "work", "asked", "mean_s", "p50_s", "p95_s", "p99_s", "lost_mean_s", "questions", "of_even_mean",
    "most_in_a_minute",
)  # fmt: skip
TURNS = 5  # with a baseline: a median of fewer says nothing on a machine that others use too
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("bench")
@click.option(
    "--baseline",
    metavar="COMMIT",
    help="Measure this commit too, in turns, and compare; five rounds unless --rounds is given.",
)
@click.pass_context
def bench_command(context: click.Context, baseline: str | None) -> None:
    """Measure the service on this machine.

    Every figure stands beside a ceiling that is measured in the same run.

    Exit code 1: something was lost or doubled, or a process died.
    """
    context.obj = baseline


class _Whole(click.ParamType[tuple[int, ...]]):
    """Whole numbers above 0, separated by commas."""

    name = "N,N…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Returns the numbers; a value that is already converted stays as it is."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < 1:
            self.fail("must be whole numbers above 0, such as 64,256", param, ctx)
        return numbers


def _many(name: str, default: int | None, says: str) -> Callable[[Command], Command]:
    return click.option(name, type=click.IntRange(min=1), default=default, show_default=default is not None, help=says)


def _seconds(default: float) -> Callable[[Command], Command]:
    return click.option(
        "--seconds",
        type=click.FloatRange(min=0.1),
        default=default,
        show_default=True,
        help="How long each load lasts.",
    )


def _shared(rounds: int) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in (
            click.option("--json", "json_output", is_flag=True, help="Only the report, as one JSON object."),
            click.option(
                "--database",
                help="An empty PostgreSQL database (URL), or the path of a new SQLite file; both end empty.",
            ),
            _many("--rounds", rounds, "How often; the median is told."),
        ):
            command = option(command)
        return command

    return decorate


@bench_command.command("ingest")
@_seconds(10)
@click.option("--connections", type=_Whole(), default="64,256", show_default=True, help="One case for each.")
@_many("--generations", 20_000, "How many callback URLs the webhooks go to.")
@_shared(3)
def ingest_command(**options: Any) -> None:
    """Webhooks stored a second; the ceiling is bare uvicorn."""
    _measure("ingest", Ingest, options)


@bench_command.command("delivery")
@_many("--count", None, "How many deliveries.  [default: 20000; with --isolation 5000]")
@_many("--concurrency", 50, "The subscriber's max_in_flight.")
@click.option("--isolation", is_flag=True, help="Beside a subscriber that hangs and one that answers 500.")
@_shared(3)
def delivery_command(*, isolation: bool, **options: Any) -> None:
    """Deliveries a second; the ceiling is the bare HTTP client."""
    _measure("delivery", Isolation if isolation else Delivery, options)


@bench_command.command("end-to-end")
@_seconds(60)
@_many("--count", None, "How many generations.  [default: by calibration]")
@_many("--concurrency", 50, "The subscriber's max_in_flight.")
@_many("--connections", 32, "Connections that webhooks come on.")
@_many("--window", 512, "The most events under way at once.")
@_many("--services", 1, "Processes of the service, which share the database.")
@_shared(1)
def end_to_end_command(**options: Any) -> None:
    """From the webhook to the delivery; the ceiling is the bare HTTP client."""
    _measure("end-to-end", EndToEnd, options)


@bench_command.command("settle")
@_many("--count", 20_000, "How many webhooks.")
@_shared(3)
def settle_command(**options: Any) -> None:
    """Stored webhooks settled a second; the ceiling is raw transactions of the driver."""
    _measure("settle", Settle, options)


@bench_command.command("polls")
@_seconds(30)
@_many("--in-flight", 100_000, "How many generations are under way.")
@_many("--due-per-s", 1_000, "How many polls fall due each second.")
@_shared(1)
def polls_command(**options: Any) -> None:
    """How late polls are (p50, p95, p99); the ceiling is the bare HTTP client."""
    _measure("polls", Polls, options)


@bench_command.command("lateness")
@_many("--count", 300, "Generations of each scenario.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed draws the same durations.")
@click.option(
    "--live", "minutes", metavar="MINUTES", type=click.FloatRange(min=0.05),
    help="In real time instead, with orders for so long: the service as it runs, and the providers' stand-ins.",
)  # fmt: skip
@click.option("--json", "json_output", is_flag=True, help="All figures, as one JSON object.")
@click.pass_context
@handle_errors
def lateness_command(
    context: click.Context, count: int, seed: int, minutes: float | None, *, json_output: bool
) -> None:
    """How late results are known, and with how many questions: simulated, beside asking evenly."""
    if context.obj is not None:
        raise click.UsageError("lateness is not compared with a commit: run it there, with the same --seed")
    figures = list(rows(seed, count)) if minutes is None else _live(seed, minutes, quiet=json_output)
    if json_output:
        print_json({"seed": seed, "count": count, "minutes": minutes, "scenarios": figures})
        return
    for scenario in dict.fromkeys(row["scenario"] for row in figures):
        click.echo(f"\n{scenario}")
        here = [row for row in figures if row["scenario"] == scenario]
        show_columns(here, [name for name in COLUMNS if any(name in row for row in here)])


def _live(seed: int, minutes: float, *, quiet: bool) -> list[Row]:
    try:
        with Screen(quiet=quiet) as screen:
            screen.phase(f"ordering for {minutes:g} min, then waiting for the last results")
            return list(live_rows(seed, minutes))
    except (NotReady, NotCompleted) as error:
        raise click.ClickException(str(error)) from error


@bench_command.command("sse")
@_seconds(15)
@_many("--readers", 1_000, "How many read the stream.")
@_many("--events-per-s", 200, "How many events are announced each second.")
@_shared(1)
def sse_command(**options: Any) -> None:
    """Events to readers of the stream; the ceiling is bare uvicorn streaming to as many."""
    _measure("sse", Sse, options)


@bench_command.command("replay")
@_many("--count", 10_000, "How many webhooks.")
@_shared(3)
def replay_command(**options: Any) -> None:
    """Webhooks replayed a second; the ceiling is raw transactions of the driver."""
    _measure("replay", Replay, options)


@bench_command.command("hostile")
@click.option(
    "--only", type=click.Choice([*HOSTILE]), multiple=True, help="This input alone; may be given several times."
)
@_shared(1)
def hostile_command(**options: Any) -> None:
    """How long others wait while somebody sends the worst that may be sent."""
    _measure("hostile", Hostile, options)


@bench_command.command("soak")
@click.option("--minutes", type=click.FloatRange(min=0.05), default=60.0, show_default=True, help="How long it lasts.")
@click.option(
    "--per-second", type=click.FloatRange(min=0.1), default=20.0, show_default=True, help="Orders; the rest follows."
)
@click.option("--seed", default=1, show_default=True, help="Varies what is ordered, and how the ill behave.")
@_shared(1)
def soak_command(**options: Any) -> None:
    """Everything at once for long: memory, descriptors, threads and sizes over time, and the books at the end.

    Exit code 1 also when memory kept growing over 20 minutes or more: the median of the last quarter is above 1.05 of
    the second quarter's.
    """
    _measure("soak", Soak, options)


@handle_errors
def _measure(name: str, sizes: Callable[..., Any], options: Mapping[str, Any]) -> None:
    if find_spec("httpx_aiohttp") is None:
        raise click.ClickException(f"the ceilings need the extra `lab`; {how_to_install('lab')}")
    chosen = {size: value for size, value in options.items() if value is not None}
    json_output, database = chosen.pop("json_output"), chosen.pop("database", None)
    context = click.get_current_context()
    if context.obj is not None and context.get_parameter_source("rounds") is ParameterSource.DEFAULT:
        chosen["rounds"] = TURNS
    try:
        report, whole = run(name, sizes(**chosen), database, baseline=context.obj)
    except (NotEmpty, NoBaseline) as error:
        raise click.UsageError(str(error)) from error
    except ModuleNotFoundError as error:
        raise click.ClickException(f"PostgreSQL needs {error.name}; {how_to_install('postgres')}") from error
    except (Died, NotReady, Interrupted) as error:
        raise click.ClickException(str(error)) from error
    if json_output:
        print_json(report)
    else:
        _show(report)
    sys.exit(0 if whole else 1)


def _show(report: Figures) -> None:
    """Shows the machine, and the medians, one column for each case."""
    show_facts(report["machine"] | {"baseline": report.get("baseline")})
    click.echo()
    for name, figures in report["cases"].items() if "baseline" in report else ():
        _show_beside(name, figures)
    if "baseline" in report:
        return
    columns = {name: _flat(figures["median"]) for name, figures in report["cases"].items()}
    names = next(iter(columns.values()))
    show_table([{"figure": name} | {case: flat.get(name) for case, flat in columns.items()} for name in names])


def _show_beside(case: str, figures: Figures) -> None:
    """Shows a case of both trees, and the ratio of this tree to the other."""
    ours, theirs, ratios = (
        _flat(column) for column in (figures["median"], figures["baseline"]["median"], figures["over_baseline"])
    )
    rows = {name: {"baseline": theirs.get(name), "this tree": ours.get(name)} for name in ours}
    show_table([{case: name} | both | {"ratio": ratios.get(name)} for name, both in rows.items()])
    click.echo(f"throughput by turn: {', '.join(map(str, ratios['per_second_by_turn']))}\n")


def _flat(figures: Figures) -> Figures:
    """Puts the ceiling's figures among the others, under its name."""
    flat: Figures = {}
    for name, value in figures.items():
        flat |= (
            {f"{name}: {part}": figure for part, figure in value.items()}
            if isinstance(value, Mapping)
            else {name: value}
        )
    return flat
