"""LaoZhang's side of the wire: its routes put together. It says nothing of its own, and calls nobody back."""

from collections.abc import Mapping

from starlette.routing import Route

from arrivals.lab.rehearsal.laozhang import legacy, videos
from arrivals.lab.rehearsal.state import Outcome, World

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "legacy": legacy.OUTCOMES,
    **{route: desk.outcomes for route, desk in videos.DESKS.items()},
}


def routes(world: World) -> list[Route]:
    """LaoZhang's paths."""
    return [*legacy.routes(world), *videos.routes(world)]
