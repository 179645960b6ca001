"""each::labs: predictions, workflows, and the streamed chat each::sense (on a host of its own).

Its webhooks send the secret that was given with the submission; an older form signs the body with it.
"""

from collections.abc import Mapping, Sequence

from arrivals.core.budget import Budget
from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.providers._shared.signatures import hex_hmac_matches, secret_matches
from arrivals.providers.contract import Route, Unverified
from arrivals.providers.eachlabs.predictions import PREDICTIONS
from arrivals.providers.eachlabs.sense import SENSE
from arrivals.providers.eachlabs.workflows import WORKFLOWS

__all__ = ["BASE_URL", "BUDGET", "DOCUMENTATION", "HOSTS", "NAME", "ROUTES", "verify"]

NAME = "eachlabs"
BASE_URL = "https://api.eachlabs.ai"
HOSTS: Mapping[str, str] = {"sense": "https://eachsense-agent.core.eachlabs.run"}
DOCUMENTATION = "https://docs.eachlabs.ai/sense/edge-cases"

# 10 executions in flight while the balance is small, 60 requests/min on the Pro plan:
# https://docs.eachlabs.ai/sense/edge-cases
BUDGET = Budget(max_in_flight=10, requests_per_minute=60)
ROUTES: tuple[Route, ...] = (WORKFLOWS, SENSE, PREDICTIONS)

# The older page names no header for its signature: https://docs.eachlabs.ai/api/webhooks (before July 2026)
SIGNATURE_HEADERS = ("x-webhook-signature", "x-eachlabs-signature", "x-signature", "webhook-signature")


def verify(webhook: InboundWebhook, secrets: Sequence[str]) -> VerifiedBy | None:
    """https://docs.eachlabs.ai/api/webhooks: the secret itself; before July 2026 an HMAC-SHA256 of the raw body."""
    if secret_matches(webhook.headers.get("x-webhook-secret"), secrets):
        return VerifiedBy.SECRET
    if any(hex_hmac_matches(webhook.headers.get(name), webhook.body, secrets) for name in SIGNATURE_HEADERS):
        return VerifiedBy.SIGNATURE
    raise Unverified("neither X-Webhook-Secret nor a signature of the body matches")
