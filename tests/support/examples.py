"""Rows with every column filled, to be changed by a test where it matters."""

from msgspec.structs import replace

from arrivals.core.event import Event, EventType
from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Cost, Generation, Held, Origin, Output, Status, VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.core.subscriber import Subscriber
from arrivals.store import deliveries, events, generations, observations, subscribers
from arrivals.store.deliveries import Delivery
from arrivals.store.generations import Schedule, Scheduled
from arrivals.store.observations import Read, StoredWebhook

T0 = 1_790_000_000_000_000
SECOND = 1_000_000
ACCOUNT = ("runblob", "default")

FAILURE = replace(
    make_failure(FailureCode.CONTENT_POLICY, "a ☂ 'quoted' word", origin=Origin.WEBHOOK, billed=False),
    provider_code="NSFW",
    http_status=400,
    param="prompt",
    trace_id="trace-1",
    retry_after_s=1.5,
    suggestion="another word",
    alternatives=("one", "two"),
    details={"step": {"name": "☂", "tries": 2}},
)
FULL = Generation(
    id="gen_full",
    provider="runblob",
    account="team_b",
    route="kling",
    model="kling/o3-photo",
    status=Status.PROCESSING,
    created_at=T0,
    deadline_at=T0 + 900 * SECOND,
    version=3,
    bulk_id="blk_1",
    external_id="ext-1",
    external_id_hinted=True,
    outputs_requested=3,
    order_size="5s",
    api_key="key_1",
    provider_details={"seed": 7, "usage": {"cost": "0.05"}},
    provider_status="RUNNING",
    progress=0.25,
    queue_position=7,
    outputs=(
        Output(
            kind="image",
            url="https://cdn.example/1.png",
            content_type="image/png",
            expires_at=T0 + 1,
            requires_auth=True,
        ),
        Output(kind="text", url="data:text/plain,hello"),
    ),
    failure=FAILURE,
    cost=Cost(amount="0.0500", currency="EUR"),
    metadata={"order": "42", "nested": {"list": [1, 2.5, None, True]}, "nul": "a\x00b"},
    callback_url="https://app.example/hook",
    webhook_expected=True,
    learned_from=Origin.POLL,
    verified_by=VerifiedBy.SIGNATURE,
    late=True,
    held=Held(
        status=Status.FAILED,
        origin=Origin.WEBHOOK,
        believed=True,
        until=T0 + 5,
        failure=FAILURE,
        verified_by=VerifiedBy.TOKEN,
    ),
    submitted_at=T0 + 2,
    closed_at=T0 + 3,
    polls=4,
)


def generation(name="1", **changed):
    """A stored generation that waits for its turn."""
    values = {
        "id": f"gen_{name}",
        "provider": "runblob",
        "account": "default",
        "route": "kling",
        "model": "kling/o3-photo",
        "status": Status.PENDING,
        "created_at": T0,
        "deadline_at": T0 + 900 * SECOND,
    }
    return Generation(**{**values, **changed})


def scheduled(name="1", *, submit_at=None, poll_at=None, timeout_at=None, **changed):
    """A stored generation with its schedule."""
    schedule = Schedule(submit_at=submit_at, poll_at=poll_at, timeout_at=timeout_at)
    return Scheduled(generation=generation(name, **changed), schedule=schedule)


async def keep(database, *rows):
    """Inserts scheduled generations."""
    async with database.transaction() as tx:
        for row in rows:
            await generations.insert(tx, row, "{}")


async def stored(database, generation_id):
    """A generation as it is stored now."""
    async with database.reading() as tx:
        return await generations.by_id(tx, generation_id)


def webhook(name="1", **changed):
    """A stored webhook."""
    values = {
        "id": f"whk_{name}",
        "provider": "runblob",
        "account": "default",
        "generation_id": "gen_1",
        "received_at": T0,
        "webhook": InboundWebhook(headers={"x-signature": "abc"}, body=b"\x00\xff{}"),
    }
    return StoredWebhook(**{**values, **changed})


async def mark_read(tx, webhook_id, at, finding, reason=None):
    """Marks a webhook as read, with this finding."""
    await observations.mark_read(tx, [Read(id=webhook_id, read_at=at, finding=finding, unreadable_reason=reason)])


def event(name="1", **changed):
    """An event."""
    values = {
        "id": f"evt_{name}",
        "type": EventType.COMPLETED,
        "generation_id": "gen_1",
        "at": T0,
        "body": '{"id":"☂"}',
    }
    return Event(**{**values, **changed})


def subscriber(name="1", **changed):
    """A subscriber to everything."""
    values = {"id": f"sub_{name}", "url": f"https://app.example/{name}", "secret": "whsec_AAAA", "created_at": T0}
    return Subscriber(**{**values, **changed})


def delivery(name="1", **changed):
    """A delivery of the first event to the first subscriber."""
    values = {
        "id": f"dlv_{name}",
        "event_id": "evt_1",
        "position": 1,
        "generation_id": "gen_1",
        "subscriber_id": "sub_1",
        "url": "https://app.example/1",
        "created_at": T0,
    }
    return Delivery(**{**values, **changed})


async def subscribe(database, *rows):
    """Insert subscribers."""
    async with database.transaction() as tx:
        for row in rows:
            await subscribers.insert(tx, row)


async def due(database, *waiting):
    """Insert deliveries that are due at once."""
    async with database.transaction() as tx:
        await deliveries.insert(tx, waiting)


async def context_of(tx, row):
    """The context that sending this delivery needs."""
    (context,) = await deliveries.contexts_of(tx, [row])
    return context


async def epoch_of(database):
    """The epoch of a database's cursors."""
    async with database.reading() as tx:
        return (await events.newest_cursor(tx)).epoch


async def begin_epoch(database):
    """Begin a new epoch, as a restored database does."""
    async with database.transaction() as tx:
        await events.begin_epoch(tx, "fedcba98", 0)


async def announce(database, *announced, then=lambda: None):
    """Append events and do something more in the same transaction; their positions by id."""
    async with database.transaction() as tx:
        positions = await events.append(tx, announced)
        then()
        return positions
