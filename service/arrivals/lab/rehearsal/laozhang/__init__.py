"""LaoZhang's side of the wire: its routes put together. It sends no webhooks."""

from collections.abc import Mapping

from starlette.routing import Route

from arrivals.lab.rehearsal.laozhang import legacy, videos
from arrivals.lab.rehearsal.state import Outcome, RehearsalState

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "legacy": legacy.OUTCOMES,
    **{route: stand_in.outcomes for route, stand_in in videos.STAND_INS.items()},
}


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """LaoZhang's paths."""
    return [*legacy.routes(rehearsal_state), *videos.routes(rehearsal_state)]
