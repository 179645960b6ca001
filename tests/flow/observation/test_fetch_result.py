"""A poll that reports completion without an output is followed by a request for it; where none is possible, we say."""

from dataclasses import replace

import pytest

from arrivals.core.budget import Budget
from arrivals.core.generation import Output, Status
from arrivals.core.wire import SECOND
from arrivals.flow.admin.timeline import timeline
from arrivals.flow.observation.poll import NotPollable, claim_one, poll
from arrivals.flow.submission.order import stored
from arrivals.store import accounts, generations
from tests.conftest import START, run_worker
from tests.support.streams import silent

QUEUE = {"provider": "seacloud", "model": "nano_banana_2"}
SORA = {"provider": "laozhang", "model": "sora-2"}
PICTURE = {"provider": "aihubmix", "model": "gpt-image-1"}
IMAGE = "https://cdn.example.com/out/1.png"
VIDEO = "https://videos.example.com/a.mp4"
BORN = START // SECOND
DAY = 24 * 3600


@pytest.fixture
def queued(context, upstream, ordered):
    """Submits a generation of SeaCloud's queue."""

    async def place():
        generation_id = await ordered(**QUEUE)
        upstream.answers.append((200, {"request_id": "sc-1", "queue_position": 2}))
        assert await run_worker(context, "submit") == 1
        upstream.requests.clear()
        return generation_id

    return place


@pytest.fixture
def filmed(context, upstream, ordered):
    """Submits a generation of LaoZhang's Sora."""

    async def place():
        generation_id = await ordered(**SORA)
        upstream.answers.append((200, {"id": "lz-1", "status": "queued", "created_at": BORN}))
        assert await run_worker(context, "submit") == 1
        upstream.requests.clear()
        return generation_id

    return place


@pytest.fixture
def polled(context, clock, upstream):
    """Runs the poll worker when the generation is due, with these answers; returns the generation afterwards."""

    async def ask(generation_id, *answers, after_s=30):
        async with context.store.reading() as tx:
            poll_at = (await generations.by_id(tx, generation_id)).schedule.poll_at
        clock.at = max(clock.at + round(after_s * SECOND), poll_at or 0)
        upstream.answers += answers
        assert await run_worker(context, "poll") == 1
        return await stored(context, generation_id)

    return ask


def finished(**changed):
    return 200, {"id": "lz-1", "status": "completed", "progress": 100, "created_at": BORN, **changed}


class Film:
    """A film's own bytes, which begin and do not end while anybody listens."""

    async def __call__(self, scope, receive, send):
        """Answers as an ASGI application."""
        headers = [(b"content-type", b"video/mp4"), (b"content-length", b"123456789")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x00" * 1000, "more_body": True})
        await silent(receive)


async def test_what_has_ended_is_asked_for_its_result(context, upstream, queued, polled):
    generation_id = await queued()
    result = {"request_id": "sc-1", "outputs": [{"type": "image", "url": IMAGE, "content_type": "image/png"}]}

    generation = await polled(generation_id, (200, {"status": "COMPLETED", "request_id": "sc-1"}), (200, result))

    assert ["/v1/queue/nano_banana_2/requests/sc-1/status", "/v1/queue/nano_banana_2/requests/sc-1/response"] == [
        request.path for request in upstream.requests
    ]
    assert {"Bearer key-of-seacloud"} == {request.headers["authorization"] for request in upstream.requests}
    assert (Status.COMPLETED, "poll", "COMPLETED") == (
        generation.status, generation.learned_from, generation.provider_status,
    )  # fmt: skip
    assert (Output(kind="image", url=IMAGE, content_type="image/png"),) == generation.outputs
    entries = (await timeline(context, generation_id))["data"]
    assert 2 == len([entry for entry in entries if entry["type"] == "observation"])


@pytest.mark.parametrize("word", ["IN_QUEUE", "IN_PROGRESS"])
async def test_what_goes_on_is_not_asked_for_its_result(upstream, queued, polled, word):
    generation = await polled(await queued(), (200, {"status": word, "request_id": "sc-1"}))

    assert not generation.closed
    assert 1 == len(upstream.requests)


async def test_what_has_failed_is_not_asked_for_its_result(upstream, queued, polled):
    payload = {"status": "COMPLETED", "request_id": "sc-1", "error": "blocked", "error_type": "CONTENT_BLOCKED"}

    generation = await polled(await queued(), (200, payload))

    assert (Status.FAILED, "content_policy") == (generation.status, generation.failure.code)
    assert 1 == len(upstream.requests)


async def test_a_result_that_is_not_there_yet_is_asked_for_again(queued, polled):
    """The result is answered 202 with a status, though the poll said that it has ended."""
    generation_id = await queued()
    ended = (200, {"status": "COMPLETED", "request_id": "sc-1"})
    generation = await polled(generation_id, ended, (202, {"status": "IN_PROGRESS", "request_id": "sc-1"}))
    assert (Status.PROCESSING, None) == (generation.status, generation.held)

    generation = await polled(generation_id, ended, (200, {"request_id": "sc-1", "outputs": [{"url": IMAGE}]}))

    assert (Status.COMPLETED, [IMAGE]) == (generation.status, [output.url for output in generation.outputs])


async def test_a_result_that_stays_empty_is_a_failure_after_a_bounded_wait(context, clock, queued, polled, gives_up):
    generation_id = await queued()
    answers = [(200, {"status": "COMPLETED"}), (200, {"request_id": "sc-1", "outputs": []})]
    generation = await polled(generation_id, *answers)
    assert Status.COMPLETED == generation.held.status
    clock.advance(200)

    await gives_up()

    generation = await stored(context, generation_id)
    assert (Status.FAILED, "output_missing") == (generation.status, generation.failure.code)


class _CutShort:
    """An answer whose JSON breaks off."""

    async def __call__(self, scope, receive, send):
        """Answers as an ASGI application."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


@pytest.mark.parametrize("answer", [_CutShort(), (503, {"error": "down"})], ids=["cut", "down"])
async def test_a_result_that_cannot_be_had_is_asked_for_later(context, queued, polled, answer):
    """The poll counts as a miss, and nothing moves."""
    generation_id = await queued()

    generation = await polled(generation_id, (200, {"status": "COMPLETED"}), answer)

    assert (Status.SUBMITTED, None) == (generation.status, generation.held)
    async with context.store.reading() as tx:
        assert 1 == (await accounts.ledger_seen(tx, ("seacloud", "default"))).misses


@pytest.mark.parametrize(
    "answer",
    [(200, b"\x00" * 100, {}), (200, b"<html>", {}), (404, {"error": {"code": "NOT_FOUND"}})],
    ids=["a file", "nonsense", "lost"],
)
async def test_a_result_that_is_of_no_use_is_waited_for(context, queued, polled, answer):
    """The generation has certainly ended, so it is polled again, for a bounded time."""
    generation_id = await queued()
    ended = (200, {"status": "COMPLETED", "request_id": "sc-1"})
    generation = await polled(generation_id, ended, answer)
    assert (Status.SUBMITTED, Status.COMPLETED) == (generation.status, generation.held.status)
    async with context.store.reading() as tx:
        assert 0 == (await accounts.ledger_seen(tx, ("seacloud", "default"))).misses

    generation = await polled(generation_id, ended, (200, {"request_id": "sc-1", "outputs": [{"url": IMAGE}]}))

    assert (Status.COMPLETED, [IMAGE]) == (generation.status, [output.url for output in generation.outputs])


async def test_a_file_is_left_where_it_is(upstream, filmed, polled):
    """The file's address is the output, which only the account's key opens; the provider keeps it for a day."""
    generation = await polled(await filmed(), finished(), Film())

    assert ["/v1/videos/lz-1", "/v1/videos/lz-1/content"] == [request.path for request in upstream.requests]
    assert (
        Output(
            kind="video",
            url=f"{upstream.url}/v1/videos/lz-1/content",
            content_type="video/mp4",
            expires_at=(BORN + DAY) * SECOND,
            requires_auth=True,
        ),
    ) == generation.outputs
    assert (Status.COMPLETED, "completed") == (generation.status, generation.provider_status)


@pytest.mark.parametrize(
    ("fields", "expires_at"),
    [
        ({"url": VIDEO}, None),
        ({"url": VIDEO, "expires_at": BORN + 60}, BORN + 60),
        ({"url": "/files/a.mp4"}, BORN + DAY),
        ({"url": "/files/a.mp4", "created_at": BORN + 5}, BORN + 5 + DAY),
    ],
    ids=["elsewhere", "told", "its own", "its own, told"],
)
async def test_content_that_says_where_the_file_is_is_followed(upstream, filmed, polled, fields, expires_at):
    """A file elsewhere is not known to be deleted with the task."""
    answer = (200, {"id": "lz-1", "status": "completed", **fields})

    (output,) = (await polled(await filmed(), finished(), answer)).outputs

    url = fields["url"]
    assert (url if url == VIDEO else f"{upstream.url}{url}", url != VIDEO) == (output.url, output.requires_auth)
    assert (expires_at and expires_at * SECOND) == output.expires_at


async def test_a_poll_that_tells_the_output_needs_no_second_question(upstream, filmed, polled):
    generation = await polled(await filmed(), finished(video_url=VIDEO))

    assert [VIDEO] == [output.url for output in generation.outputs]
    assert 1 == len(upstream.requests)


async def test_a_file_that_is_not_found_is_missing_after_a_bounded_wait(filmed, polled):
    generation_id = await filmed()
    missing = (404, {"error": {"message": "Task not found or expired", "code": None}})
    generation = await polled(generation_id, finished(), missing)
    assert (Status.SUBMITTED, Status.COMPLETED) == (generation.status, generation.held.status)

    generation = await polled(generation_id, finished(), missing, after_s=130)

    assert (Status.FAILED, "output_missing") == (generation.status, generation.failure.code)


async def test_a_task_that_is_not_found_is_lag_and_then_loss(filmed, polled):
    generation_id = await filmed()
    missing = (404, {"error": {"message": "Task not found or expired", "code": None}})
    assert Status.SUBMITTED == (await polled(generation_id, missing)).status

    generation = await polled(generation_id, missing, after_s=60)

    assert (Status.FAILED, "result_lost") == (generation.status, generation.failure.code)


async def test_a_task_that_is_not_found_once_is_not_lost_however_late_it_seems(filmed, polled):
    """The clock may have stepped since the submission; a result that is paid for is not given up for one answer."""
    missing = (404, {"error": {"message": "Task not found or expired", "code": None}})

    generation = await polled(await filmed(), missing, after_s=60)

    assert Status.SUBMITTED == generation.status


async def test_content_that_is_still_made_is_asked_for_again(filmed, polled):
    generation = await polled(await filmed(), finished(), (200, {"id": "lz-1", "status": "in_progress"}))

    assert (Status.PROCESSING, None) == (generation.status, generation.held)


# ---------------------------------------------------------------- what cannot be asked about


@pytest.fixture
async def unpollable(context, upstream, ordered):
    """A picture that takes two requests, on a route that documents only the first; its id."""
    generation_id = await ordered(**PICTURE)
    upstream.answers.append((200, {"output": [{"taskId": "t-1"}]}))
    assert await run_worker(context, "submit") == 1
    return generation_id


async def test_what_cannot_be_asked_about_is_not_asked_about(context, clock, unpollable):
    generation = await stored(context, unpollable)
    assert (Status.SUBMITTED, "t-1") == (generation.status, generation.external_id)
    clock.advance(120)

    assert 0 == await run_worker(context, "poll")


async def test_a_question_by_hand_that_cannot_be_asked_says_so_and_leaves_nothing_to_do(context, clock, unpollable):
    with pytest.raises(NotPollable, match="aihubmix documents no way to ask about it"):
        await claim_one(context, unpollable)
    clock.advance(120)

    assert 0 == await run_worker(context, "poll")


async def test_a_question_that_cannot_be_asked_is_not_sent(context, upstream, unpollable):
    count = len(upstream.requests)
    async with context.store.reading() as tx:
        scheduled = await generations.by_id(tx, unpollable)

    with pytest.raises(NotPollable):
        await poll(context, scheduled)

    assert count == len(upstream.requests)


async def test_what_cannot_be_asked_about_ends_at_its_deadline(context, clock, unpollable):
    clock.advance(3600)

    await run_worker(context, "expire")

    generation = await stored(context, unpollable)
    assert (Status.EXPIRED, "deadline_passed") == (generation.status, generation.failure.code)


async def test_a_second_question_counts_too(context, clock, queued, polled):
    generation_id = await queued()
    key = ("seacloud", "default")
    result = {"request_id": "sc-1", "outputs": [{"type": "image", "url": IMAGE, "content_type": "image/png"}]}

    await polled(generation_id, (200, {"status": "COMPLETED", "request_id": "sc-1"}), (200, result))

    async with context.store.reading() as tx:
        owed = (await accounts.ledger_seen(tx, key)).spent_until - clock.at
    interval = context.upstreams[key].budget.interval
    assert interval < owed <= 2 * interval


async def test_no_minute_sees_more_requests_than_the_account_may_send(context, clock, upstream, ordered):
    """Second requests are set aside with the first, and given back where they are not made."""
    key = ("laozhang", "default")
    budget = Budget(max_in_flight=100, requests_per_minute=60)
    few = replace(context, upstreams={**context.upstreams, key: replace(context.upstreams[key], budget=budget)})
    for _ in range(40):
        await ordered(**SORA, deadline_s=10_000)
    sent = []

    def answer(path):
        sent.append(clock.at)
        if path.endswith("/content"):
            return 404, {"error": {"code": "not_found", "message": "no such file"}}
        named = path.rpartition("/")[2]
        return (200, {"id": f"lz-{len(sent)}", "status": "queued"}) if named == "videos" else finished(id=named)

    upstream.answer_by_path = answer
    for _ in range(400):
        clock.advance(0.7)
        await run_worker(few, "submit")
        await run_worker(few, "poll")

    most = max(sum(begin <= moment < begin + 60 * SECOND for moment in sent) for begin in sent)
    assert 50 <= most <= 60


async def test_file_behind_a_redirect_to_anywhere_is_there(upstream, listener, filmed, polled):
    """The requested address is the output, because the redirect's target may not last."""
    listener.answers.append((200, b"\x00\x00\x00\x18ftypmp42" + bytes(100), {"content-type": "binary/octet-stream"}))
    generation_id = await filmed()

    generation = await polled(generation_id, finished(), (302, b"", {"location": f"{listener.url}/a.mp4"}))

    assert [f"{upstream.url}/v1/videos/lz-1/content"] == [output.url for output in generation.outputs]
    assert "authorization" not in listener.requests[0].headers


@pytest.mark.parametrize(
    "answer", [(200, b"", {}), (204, b"", {}), (200, b"<html>soon", {"content-type": "video/mp4"})]
)
async def test_nothing_is_no_file(filmed, polled, answer):
    generation = await polled(await filmed(), finished(), answer)

    assert (Status.SUBMITTED, Status.COMPLETED) == (generation.status, generation.held.status)


async def test_file_behind_a_redirect_to_nothing_is_waited_for(listener, filmed, polled):
    listener.answers.append((403, b"expired", {}))

    generation = await polled(await filmed(), finished(), (302, b"", {"location": f"{listener.url}/a.mp4"}))

    assert (Status.SUBMITTED, Status.COMPLETED) == (generation.status, generation.held.status)


async def test_file_where_we_may_not_call_is_waited_for(filmed, polled):
    generation = await polled(await filmed(), finished(), (302, b"", {"location": "http://169.254.169.254/a.mp4"}))

    assert (Status.SUBMITTED, Status.COMPLETED) == (generation.status, generation.held.status)


async def test_file_that_cannot_be_reached_just_now_is_a_question_without_an_answer(filmed, polled):
    generation = await polled(await filmed(), finished(), (302, b"", {"location": "http://127.0.0.1:1/a.mp4"}))

    assert (Status.SUBMITTED, None) == (generation.status, generation.held)


async def test_file_behind_redirects_without_end_is_waited_for(listener, filmed, polled):
    listener.answers += [(302, b"", {"location": "/again"})] * 9

    generation = await polled(await filmed(), finished(), (302, b"", {"location": f"{listener.url}/a.mp4"}))

    assert (Status.SUBMITTED, Status.COMPLETED) == (generation.status, generation.held.status)
