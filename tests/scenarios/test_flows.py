"""Plays every story in `fixtures/flows/` through the whole service: real SQLite, real HTTP, a clock set by hand."""

from contextlib import AsyncExitStack
import json
import re

import pytest

from arrivals.core.http import InboundWebhook
from arrivals.core.standard_webhooks import make_secret
from arrivals.core.subscriber import Subscriber
from arrivals.core.wire import SECOND
from arrivals.flow.callback_url import UnknownToken
from arrivals.flow.observation.receive import receive
from arrivals.flow.settlement.schedule import GRACE
from arrivals.flow.submission.order import OrderRequest, order, stored
from arrivals.providers.contract import Unverified
from arrivals.store import events, generations, subscribers
from tests.conftest import WEBHOOK_SECRET, context_over, run_worker
from tests.support.databases import reopened
from tests.support.fixtures import FIXTURES
from tests.support.streams import HEARD, Stream
from tests.support.upstream import CUT

STORIES = sorted((FIXTURES / "flows").glob("*.json"))
SECONDS = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
UNITS = {"s": 1, "m": 60, "h": 3600}


class Play:
    """A story while it is played: the steps are its methods, named as in the file."""

    def __init__(self, context, clock, upstream, listener, story, path):
        self.context, self.clock, self.upstream, self.listener = context, clock, upstream, listener
        self.story, self.path = story, path
        self.generation_id = None

    async def setup(self):
        """Registers a subscriber, if the story has one, and places the order."""
        if "subscriber" in json.dumps(self.story["steps"]):
            subscriber = Subscriber(
                id="sub_story",
                url=f"{self.listener.url}/events",
                secret=make_secret(bytes(32)),
                created_at=self.clock(),
            )
            async with self.context.store.transaction() as tx:
                await subscribers.insert(tx, subscriber)
        request = OrderRequest(
            provider=self.story["provider"],
            model=self.story["model"],
            input=self._placed(self.story.get("input", {"prompt": "a red fox"})),
            deadline_s=self.story.get("deadline_s"),
        )
        self.generation_id = (await order(self.context, request)).id

    def _placed(self, value):
        """The value with the address of a real server of ours in the place of FILES."""
        return json.loads(json.dumps(value).replace("FILES", self.listener.url))

    async def files(self, answers):
        """Sets the answers of the host of the caller's files."""
        self.listener.answers += [(answer.get("http_status", 200), answer["body"].encode()) for answer in answers]

    async def submit(self, answer):
        """Gives the submit worker one turn; the provider answers so, with a stream where there is one."""
        self._will_answer(answer)
        assert await run_worker(self.context, "submit") == 1
        assert self.upstream.answers == []

    async def no_submit(self, _):
        """Checks that nothing may be submitted now."""
        assert await run_worker(self.context, "submit") == 0

    async def poll(self, answer):
        """Gives the poll worker one turn; the provider answers so, one request after another."""
        for reply in answer if isinstance(answer, list) else [answer]:
            self._will_answer(reply)
        assert await run_worker(self.context, "poll") == 1
        assert self.upstream.answers == []

    async def until_poll(self, _):
        """Lets time pass until the next poll is due."""
        async with self.context.store.reading() as tx:
            poll_at = (await generations.by_id(tx, self.generation_id)).schedule.poll_at
        self.clock.at = max(self.clock.at, poll_at)

    async def no_poll(self, _):
        """Checks that nothing may be polled now."""
        assert await run_worker(self.context, "poll") == 0

    async def webhook(self, call):
        """Sends a webhook, which must be answered `answered`. Then it is read, unless the process died before."""
        headers = {name.lower(): value for name, value in call.get("headers", {}).items()}
        if call.get("secret"):
            headers["x-webhook-secret"] = WEBHOOK_SECRET if call["secret"] is True else call["secret"]
        body = call["body"] if isinstance(call["body"], str) else json.dumps(call["body"])
        url = self.context.callback_urls.url(self.story["provider"], "default", self.generation_id)
        token = url.rpartition("/")[2] + call.get("token_ends", "")
        try:
            await receive(
                self.context, self.story["provider"], token, InboundWebhook(headers=headers, body=body.encode())
            )
            answered = 200
        except Unverified:
            answered = 401
        except UnknownToken:
            answered = 404
        assert call.get("answered", 200) == answered
        if call.get("read", True):
            await run_worker(self.context, "read")

    async def read(self, _):
        """Reads the webhooks that are stored and unread."""
        assert await run_worker(self.context, "read") == 1

    async def advance(self, text):
        """Lets time pass."""
        self.clock.advance(sum(float(number) * UNITS[unit] for number, unit in SECONDS.findall(text)))

    async def expire(self, _):
        """Expires the generation, after the grace in which it is polled once more where it can be."""
        if not await run_worker(self.context, "expire"):
            self.clock.advance(GRACE / SECOND)
            assert await run_worker(self.context, "expire") == 1

    async def no_expire(self, _):
        """Checks that nothing expires yet."""
        assert await run_worker(self.context, "expire") == 0

    async def subscriber(self, answers):
        """Delivers events; the subscriber answers so, one delivery after another."""
        self.listener.answers += answers
        for _ in answers:
            assert await run_worker(self.context, "deliver") == 1
        assert self.listener.answers == []

    async def no_delivery(self, _):
        """Checks that nothing may be delivered now."""
        assert await run_worker(self.context, "deliver") == 0

    async def status(self, expected):
        """Compares the generation's status."""
        assert expected == (await stored(self.context, self.generation_id)).status

    async def heard(self):
        """Returns whether the stream's events so far are settled."""
        return (await stored(self.context, self.generation_id)).status not in ("submitting", "submitted")

    def _will_answer(self, answer):
        if answer == CUT:
            self.upstream.answers.append(CUT)
        elif answer is None:
            pass  # nobody is asked
        elif "stream" in answer:
            ends = answer.get("ends", "politely")
            words = [*answer["stream"], *([HEARD] if ends == CUT else [])]
            self.upstream.answers.append(Stream(*words, ends=ends, heard=self.heard))
        else:
            body = answer.get("body", {})
            content = body.encode() if isinstance(body, str) else body
            self.upstream.answers.append((answer.get("http_status", 200), content, answer.get("headers", {})))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
async def test_story(path, context, clock, upstream, listener, transport):
    """Each story ends as it says."""
    story = json.loads(path.read_text())
    play = Play(context, clock, upstream, listener, story, path)
    await play.setup()
    async with AsyncExitStack() as databases:
        for step in story["steps"]:
            ((name, argument),) = step.items()
            if name == "crash":
                # The process dies: only what was committed is there for the next one.
                again = await databases.enter_async_context(reopened(play.context.store, clock))
                play.context = context_over(again, transport, clock, upstream.url)
            else:
                await getattr(play, name)(argument)
        await _compare(play, story)


async def _compare(play, story):
    generation = await stored(play.context, play.generation_id)
    async with play.context.store.reading() as tx:
        emitted = [str(event.type) for event in await events.events_of(tx, play.generation_id)]
    expected = story["expect"]
    actual = {
        "status": generation.status,
        "learned_from": generation.learned_from,
        "verified_by": generation.verified_by,
        "late": generation.late,
        "failure": generation.failure.code if generation.failure else None,
        "provider_code": generation.failure.provider_code if generation.failure else None,
        "submissions": sum(request.method == "POST" for request in play.upstream.requests),
        "questions": sum(request.method == "GET" for request in play.upstream.requests),
        "message": generation.failure.message if generation.failure else None,
        "outputs": [
            output.url.replace(generation.id, "ID").replace(play.upstream.url, "PROVIDER")
            for output in generation.outputs
        ],
        "events": emitted,
    }
    assert expected == {name: actual[name] for name in expected}
    assert {"status", "events", "submissions"} <= set(expected)
