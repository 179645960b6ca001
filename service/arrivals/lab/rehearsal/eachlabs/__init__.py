"""each::labs' side of the wire: predictions, workflows, and each::sense, which has a host of its own."""

from collections.abc import Mapping

from starlette.routing import Route

from arrivals.lab.rehearsal.eachlabs import predictions, sense, workflows
from arrivals.lab.rehearsal.state import Outcome, RehearsalState

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "predictions": predictions.OUTCOMES,
    "workflows": workflows.OUTCOMES,
    "sense": sense.OUTCOMES,
}


def routes(rehearsal_state: RehearsalState) -> list[Route]:
    """The paths of api.eachlabs.ai; executions that sense has started are polled there too."""
    return [*predictions.routes(rehearsal_state), *workflows.routes(rehearsal_state, {"sense": sense.EXECUTIONS})]
