"""Vtrix: any model as a flat task or as an enveloped one (`enveloped/…`), and the Kirin models, which call back."""

from collections.abc import Mapping
from dataclasses import replace

from arrivals.core.budget import Budget
from arrivals.providers._shared.limits import between
from arrivals.providers.contract import Adapter, Route, unsigned
from arrivals.providers.vtrix.kirin import KIRIN
from arrivals.providers.vtrix.tasks import ENVELOPED, FLAT
from arrivals.providers.vtrix.wan import LIMITS

__all__ = ["BASE_URL", "BUDGET", "DOCUMENTATION", "HOSTS", "NAME", "ROUTES", "verify"]

NAME = "vtrix"
BASE_URL = "https://cloud.vtrix.ai"
HOSTS: Mapping[str, str] = {}
DOCUMENTATION = "https://doc.vtrix.ai/docs/api/qwen/wan26-t2i"

# No figures are published (https://doc.vtrix.ai/docs/api/qwen/wan26-t2i); these are ours, to be changed by settings.
BUDGET = Budget(max_in_flight=20, requests_per_minute=120)


# Its flex tier may wait for three days: https://doc.vtrix.ai/docs/api/vtrix/vtrix-motion-1-5-pro
# pattern of the ordered model: seconds until Vtrix gives up
MAX_DURATION_BY_MODEL: Mapping[str, float] = {"*vtrix-motion-1-5-pro*": 259_200.0}
FLEX = replace(between("execution_expires_after", 3600, 259_200), models=tuple(MAX_DURATION_BY_MODEL))


def _tasks(name: str, models: tuple[str, ...], documentation: str, adapter: Adapter) -> Route:
    """The official command line polls every 5 s for 10 min."""
    return Route(
        name=name,
        models=models,
        documentation=documentation,
        kind=None,
        adapter=adapter,
        usual_duration_s=(15, 180),
        max_duration_s=1800,
        limits=(*LIMITS, FLEX),
        max_duration_by_model=MAX_DURATION_BY_MODEL,
    )


ROUTES: tuple[Route, ...] = (
    KIRIN,
    _tasks(
        "enveloped",
        ("enveloped/*", "ultra_i2v_pro"),
        "https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra",
        ENVELOPED,
    ),
    _tasks("flat", ("*",), "https://doc.vtrix.ai/docs/api/qwen/wan26-t2i", FLAT),
)
verify = unsigned  # of the Kirin models; no other route is told where to call
