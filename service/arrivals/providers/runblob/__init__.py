"""RunBlob: nine families of models (`kling/o3-photo` …) and the older brand's host. Its webhooks are unsigned."""

from collections.abc import Mapping

from arrivals.core.budget import Budget
from arrivals.providers.contract import unsigned
from arrivals.providers.runblob.families import ROUTES

__all__ = ["BASE_URL", "BUDGET", "DOCUMENTATION", "HOSTS", "NAME", "ROUTES", "verify"]

NAME = "runblob"
BASE_URL = "https://platform.runblob.io"
HOSTS: Mapping[str, str] = {"legacy": "https://api.runblob.com"}
DOCUMENTATION = "https://docs.runblob.io/api-reference/kling/o3-photo-errors"

# 60 status checks per minute and key: https://docs.runblob.io/api-reference/kling/o3-photo-status
# (no figure for work in flight is published; this one is ours, to be raised by a setting)
BUDGET = Budget(max_in_flight=50, requests_per_minute=60)

# The pages speak of signatures and give no scheme: https://docs.runblob.io/api-reference/nanobanana/webhooks
verify = unsigned
