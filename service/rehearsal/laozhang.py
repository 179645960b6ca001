"""LaoZhang's side of the wire: its two routes put together. It says nothing of its own."""

from collections.abc import Mapping

from starlette.routing import Route

from service.rehearsal import laozhang_legacy, laozhang_videos
from service.rehearsal.world import Outcome, World

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {"legacy": laozhang_legacy.OUTCOMES, "videos": laozhang_videos.OUTCOMES}


def routes(world: World) -> list[Route]:
    """LaoZhang's paths."""
    return [*laozhang_legacy.routes(world), *laozhang_videos.routes(world)]
