"""AiHubMix's side of the wire: films, which are polled, and pictures, which are answered at once. No webhooks."""

from collections.abc import Mapping

from starlette.routing import Route

from arrivals.lab.rehearsal.aihubmix import pictures, videos
from arrivals.lab.rehearsal.state import Outcome, RehearsalState

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {**videos.OUTCOMES, **pictures.OUTCOMES}


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """AiHubMix's paths."""
    return [*videos.routes(rehearsal_state), *pictures.routes(rehearsal_state)]
