"""LaoZhang API: the legacy VEO route and the five of `/v1/videos`. It has no webhooks and no cancel.

White labels of it differ by host only: set BASE_URL.
"""

from collections.abc import Mapping

from arrivals.core.budget import Budget
from arrivals.providers.contract import Route, no_webhooks
from arrivals.providers.laozhang.legacy import LEGACY
from arrivals.providers.laozhang.videos import ROUTES as VIDEOS

__all__ = ["BASE_URL", "BUDGET", "DOCUMENTATION", "HOSTS", "NAME", "ROUTES", "verify"]

NAME = "laozhang"
BASE_URL = "https://api.laozhang.ai"
HOSTS: Mapping[str, str] = {}
DOCUMENTATION = "https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting"

# 10 concurrent tasks (429 above), 100 requests/min: https://docs.laozhang.ai/en/api-capabilities/veo/troubleshooting
BUDGET = Budget(max_in_flight=10, requests_per_minute=100)
ROUTES: tuple[Route, ...] = (LEGACY, *VIDEOS)
verify = no_webhooks
