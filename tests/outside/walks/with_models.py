"""The walk of docs/ordering.md and docs/consuming.md, with the models that datamodel-code-generator makes."""

import os
import sys
from typing import TypeVar

import arrivals_models as models
import httpx
from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)
HOOK = sys.argv[1]  # answers every delivery with 204
bearer = {"Authorization": f"Bearer {os.environ['ARRIVALS_API_KEY']}"}
session = httpx.Client(base_url=os.environ["ARRIVALS_URL"], headers=bearer, timeout=30, trust_env=False)


def say(
    answered_by: type[M], method: str, path: str, body: BaseModel | None = None, headers: dict[str, str] | None = None
) -> M:
    """Sends a request whose body is a model, and reads the answer as another."""
    content = body.model_dump_json(exclude_unset=True) if body else None
    answer = session.request(method, path, content=content, headers=headers)
    return answered_by.model_validate_json(answer.content)


def fox(prompt: str = "a red fox in the snow") -> models.OrderBody:
    """An order."""
    return models.OrderBody(
        provider=models.ProviderName.runblob,
        model="kling/o3-photo",
        input={"prompt": prompt},
        metadata={"order": "44"},
    )


# --- docs/ordering.md

key = {"Idempotency-Key": "models-42"}
done = say(models.Generation, "POST", "/v1/generations", fox(), {**key, "Prefer": "wait=20"})
assert models.GenerationStatus.completed == done.status
assert {"order": "44"} == done.metadata
assert done.id == say(models.Generation, "POST", "/v1/generations", fox(), key).id
unusable = say(models.Problem, "POST", "/v1/generations", fox(""))
assert unusable.failure
assert models.FailureCode.invalid_request == unusable.failure.code
path = f"/v1/generations/{done.id}"
assert {"prompt": "a red fox in the snow"} == say(models.GenerationWithInput, "GET", path).input
assert [done.id] == [each.id for each in say(models.GenerationPage, "GET", "/v1/generations?metadata[order]=44").data]
assert say(models.Timeline, "GET", f"{path}/timeline").data
assert "not_cancelable" == say(models.Problem, "POST", f"{path}/cancel").code
assert session.get(f"{path}/outputs/0", headers={"Range": "bytes=0-3"}).is_success
bulk = models.BulkBody(
    provider=models.ProviderName.eachlabs,
    model="workflows/foxes/v1",
    inputs=[{"prompt": "a fox"}, {"prompt": "a crow"}],
)
assert 2 == len(say(models.GenerationPage, "POST", "/v1/generations/bulk", bulk).data)
assert say(models.Providers, "GET", "/v1/providers").data

# --- docs/consuming.md

page = say(models.EventPage, "GET", f"/v1/events?after=0&wait=20&generation={done.id}")
completed = next(event.root for event in page.data if isinstance(event.root, models.CompletedEvent))
assert done.id == completed.data.generation.id
assert completed == say(models.Event, "GET", f"/v1/events/{completed.id}").root

wanted = models.SubscriberBody.model_validate(
    {"url": HOOK, "event_types": ["generation.*"], "filter": {"provider": "runblob"}}
)
subscriber = say(models.SubscriberWithSecret, "POST", "/v1/subscribers", wanted)
assert subscriber.secret.startswith("whsec_")
path = f"/v1/subscribers/{subscriber.id}"
again = say(models.DeliveryPage, "POST", f"/v1/events/{completed.id}/redeliver", models.RedeliverBody())
assert subscriber.id in [delivery.subscriber_id for delivery in again.data]
assert 204 == say(models.Ping, "POST", f"{path}/ping").delivery.attempts[0].http_status
paused = say(models.Subscriber, "PATCH", path, models.SubscriberPatch(paused=True))
assert models.SubscriberState.paused == paused.health.state
assert say(models.Subscriber, "PATCH", path, models.SubscriberPatch(paused=False, filter=None)).filter is None
recovery = say(models.Replay, "POST", f"{path}/recover", models.RecoverBody(since=done.created_at, dry_run=True))
assert models.ReplayKind.events == say(models.Replay, "GET", f"/v1/replays/{recovery.id}").kind
deliveries = say(models.DeliveryPage, "GET", f"{path}/deliveries").data
assert say(models.DeliveryWithAttempts, "GET", f"/v1/deliveries/{deliveries[0].id}").attempts is not None
webhook = say(models.WebhookPage, "GET", f"/v1/webhooks?generation={done.id}").data[0]
assert say(models.WebhookWithBody, "GET", f"/v1/webhooks/{webhook.id}").body
assert 204 == session.delete(path).status_code

sys.stdout.write("walked\n")
