"""The walk of docs/ordering.md and docs/consuming.md, with the client that openapi-python-client makes."""

from datetime import datetime
import os
import sys
from typing import TypeVar

from arrivals_client import AuthenticatedClient
from arrivals_client.api.deliveries import get_delivery, list_deliveries, redeliver_event, retry_delivery
from arrivals_client.api.events import get_event, list_events
from arrivals_client.api.generations import (
    cancel_generation,
    create_generation,
    create_generations,
    get_generation,
    get_input,
    get_output,
    get_timeline,
    list_generations,
    poll_generation,
)
from arrivals_client.api.providers import list_providers
from arrivals_client.api.replays import get_replay
from arrivals_client.api.subscribers import (
    create_subscriber,
    delete_subscriber,
    list_subscribers,
    ping_subscriber,
    recover_subscriber,
    resend_waiting,
    rotate_subscriber_secret,
    update_subscriber,
)
from arrivals_client.api.webhooks import get_webhook, list_webhooks, replay_webhook
from arrivals_client.models import (
    BulkBody,
    BulkBodyInputsItem,
    CompletedEvent,
    DeliveryStatus,
    EventSelector,
    FilterBody,
    GenerationStatus,
    ListGenerationsMetadata,
    OrderBody,
    OrderBodyInput,
    OrderBodyMetadata,
    Problem,
    ProviderName,
    RecoverBody,
    RedeliverBody,
    ReplayOneBody,
    SubscriberBody,
    SubscriberPatch,
)
from arrivals_client.types import UNSET

T = TypeVar("T")
HOOK = sys.argv[1]  # answers every delivery with 204
client = AuthenticatedClient(os.environ["ARRIVALS_URL"], os.environ["ARRIVALS_API_KEY"])


def good(answer: T | Problem | None) -> T:
    """An answer that is no error."""
    assert not isinstance(answer, Problem), answer
    assert answer is not None
    return answer


def refused(answer: object) -> Problem:
    """An answer that is an error."""
    assert isinstance(answer, Problem), answer
    return answer


def fox(prompt: str = "a red fox in the snow", **metadata: str) -> OrderBody:
    """An order."""
    order_input = OrderBodyInput.from_dict({"prompt": prompt})
    order = OrderBody(ProviderName.RUNBLOB, "kling/o3-photo", order_input)
    if metadata:
        order.metadata = OrderBodyMetadata.from_dict(metadata)
    return order


# --- docs/ordering.md

key = "python-42"
done = good(
    create_generation.sync(client=client, body=fox(order="43"), prefer="wait=20", idempotency_key=key),
)
assert done.status is GenerationStatus.COMPLETED
assert "43" == done.metadata["order"]
again = good(create_generation.sync(client=client, body=fox(order="43"), idempotency_key=key))
assert done.id == again.id
reused = refused(create_generation.sync(client=client, body=fox(), idempotency_key=key))
assert "idempotency_key_reused" == reused.code
unusable = refused(create_generation.sync(client=client, body=fox("")))
assert "refused_by_preflight" == unusable.code
assert unusable.failure
assert "prompt" == unusable.failure.param

shown = good(get_generation.sync(done.id, client=client, wait=5))
assert "a red fox in the snow" == shown.input_["prompt"]
assert "a red fox in the snow" == good(get_input.sync(done.id, client=client)).input_["prompt"]
listed = good(list_generations.sync(client=client, status=[GenerationStatus.COMPLETED], limit=200, provider="runblob"))
assert done.id in [generation.id for generation in listed.data]
wanted = ListGenerationsMetadata.from_dict({"metadata[order]": "43"})  # this client writes an object without its name
assert [done.id] == [generation.id for generation in good(list_generations.sync(client=client, metadata=wanted)).data]
timeline = good(get_timeline.sync(done.id, client=client))
assert "observation" in [entry.type_.value for entry in timeline.data]
assert done.id == good(poll_generation.sync(done.id, client=client)).id
assert "not_cancelable" == refused(cancel_generation.sync(done.id, client=client)).code
part = good(get_output.sync(done.id, 0, client=client, range_="bytes=0-3"))
assert len(part.payload.read()) >= 4

inputs = [BulkBodyInputsItem.from_dict({"prompt": prompt}) for prompt in ("a fox", "a crow")]
bulk = good(
    create_generations.sync(client=client, body=BulkBody(ProviderName.EACHLABS, "workflows/foxes/v1", inputs)),
)
assert 1 == len({generation.bulk_id for generation in bulk.data})
assert "runblob" in [provider.name for provider in good(list_providers.sync(client=client)).data]

# --- docs/consuming.md

page = good(list_events.sync(client=client, after="0", generation=done.id, wait=20))
completed = next(event for event in page.data if isinstance(event, CompletedEvent))
assert done.id == completed.data.generation.id
assert completed == good(get_event.sync(completed.id, client=client))

body = SubscriberBody(HOOK, event_types=[EventSelector.GENERATION], filter_=FilterBody(provider="runblob"))
subscriber = good(create_subscriber.sync(client=client, body=body))
assert subscriber.secret.startswith("whsec_")
redelivered = good(redeliver_event.sync(completed.id, client=client, body=RedeliverBody(subscriber=subscriber.id)))
assert [True] == [delivery.redelivered for delivery in redelivered.data]
tried = retry_delivery.sync(redelivered.data[0].id, client=client)  # a worker may have been faster
assert tried is not None
assert isinstance(tried, Problem) or tried.status is DeliveryStatus.DELIVERED, tried
ping = good(ping_subscriber.sync(subscriber.id, client=client))
assert 204 == ping.delivery.attempts[0].http_status
delivered = good(list_deliveries.sync(subscriber.id, client=client, status=DeliveryStatus.DELIVERED))
assert delivered.data
assert 204 == good(get_delivery.sync(delivered.data[0].id, client=client)).attempts[0].http_status

paused = good(update_subscriber.sync(subscriber.id, client=client, body=SubscriberPatch(paused=True)))
assert isinstance(paused.paused_at, datetime)
resumed = good(
    update_subscriber.sync(
        subscriber.id, client=client, body=SubscriberPatch(paused=False, disabled=False, rate_per_s=None)
    )
)
assert resumed.paused_at is None
assert resumed.filter_ is not None
assert "runblob" == resumed.filter_.provider
assert resumed.filter_.model is UNSET
assert subscriber.secret != good(rotate_subscriber_secret.sync(subscriber.id, client=client)).secret
assert 0 <= good(resend_waiting.sync(subscriber.id, client=client)).deliveries
recovery = good(
    recover_subscriber.sync(subscriber.id, client=client, body=RecoverBody(since=done.created_at, dry_run=True))
)
assert good(get_replay.sync(recovery.id, client=client)).dry_run
assert subscriber.id in [each.id for each in good(list_subscribers.sync(client=client)).data]

webhook = good(list_webhooks.sync(client=client, generation=done.id)).data[0]
assert not good(get_webhook.sync(webhook.id, client=client)).body_base64
replayed = good(replay_webhook.sync(webhook.id, client=client, body=ReplayOneBody(dry_run=True)))
assert replayed.status is GenerationStatus.COMPLETED
assert 204 == delete_subscriber.sync_detailed(subscriber.id, client=client).status_code

sys.stdout.write("walked\n")
