"""AiHubMix: videos of several vendors, and images that come in the answer. No webhooks, no cancel."""

from collections.abc import Mapping

from arrivals.core.budget import Budget
from arrivals.providers.aihubmix.images import IMAGES, PREDICTIONS
from arrivals.providers.aihubmix.videos import OTHERS
from arrivals.providers.aihubmix.videos import ROUTES as VENDORS
from arrivals.providers.contract import Route, no_webhooks

__all__ = ["BASE_URL", "BUDGET", "DOCUMENTATION", "HOSTS", "NAME", "ROUTES", "verify"]

NAME = "aihubmix"
BASE_URL = "https://aihubmix.com"
HOSTS: Mapping[str, str] = {}
DOCUMENTATION = "https://docs.aihubmix.com/en/FAQs/HTTP-Codes"

# No figures are published (https://docs.aihubmix.com/en/api/Video-Gen); these are ours, to be changed by settings.
BUDGET = Budget(max_in_flight=20, requests_per_minute=120)
ROUTES: tuple[Route, ...] = (IMAGES, PREDICTIONS, *VENDORS, OTHERS)
verify = no_webhooks
