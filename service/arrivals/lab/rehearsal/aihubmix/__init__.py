"""AiHubMix's side of the wire: films, asked after by id, and pictures, made at once. No webhooks."""

from collections.abc import Mapping

from starlette.routing import Route

from arrivals.lab.rehearsal.aihubmix import pictures, videos
from arrivals.lab.rehearsal.state import Outcome, World

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {**videos.OUTCOMES, **pictures.OUTCOMES}


def routes(world: World) -> list[Route]:
    """AiHubMix's paths."""
    return [*videos.routes(world), *pictures.routes(world)]
