"""Secrets that a provider repeats, on any channel and in any encoding, are not kept."""

import base64
from collections.abc import Callable
from dataclasses import replace
import html
import json
from urllib.parse import quote

import pytest

from arrivals.flow.admin.timeline import timeline
from arrivals.flow.exchange.masking import mask_about
from arrivals.flow.submission.cancel import NotCancelable, cancel
from arrivals.flow.submission.order import OrderRequest, order_bulk, stored
from arrivals.store import outputs
from arrivals.store.engine.queries import parse
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET, context_over, run_worker
from tests.flow.conftest import ACCEPTED
from tests.support.databases import everything
from tests.support.streams import SENSE, Stream

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: text.replace("/", "\\/"),
    "JSON by numbers": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: "".join(f"%{ord(character):02x}" for character in text),
    "HTML": lambda text: html.escape(text).replace("/", "&#x2F;"),
    "base64": lambda text: base64.b64encode(f"- {text} -".encode()).decode(),
}
KEY = "key-of-eachlabs"
_KEPT = parse("""
-- name: observations
SELECT id FROM observations WHERE generation_id = :generation_id;
-- name: rewrite
UPDATE observations SET reading = :reading WHERE id = :id;
""")


@pytest.fixture(params=FORMS.values(), ids=[*FORMS])
def form(request):
    """The encoding in which the provider repeats a secret."""
    return request.param


@pytest.fixture
def secrets_of(context):
    """Returns every secret that went into the calls about a generation."""

    def gather(generation_id, over=context):
        token = over.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
        operators = over.upstreams["eachlabs", "default"].account.webhook_secrets
        return [token.partition("~")[2], KEY, *(operators or over.callback_urls.webhook_secrets(generation_id))]

    return gather


@pytest.fixture
def repeats(context, secrets_of, form):
    """Returns a sentence that repeats every secret, as the provider writes it."""

    def say(generation_id, over=context):
        url = over.callback_urls.url("eachlabs", "default", generation_id)
        uses = [f"or use {form(secret)}" for secret in secrets_of(generation_id, over)]
        return " ".join(["cannot call", form(url), *uses, "."])

    return say


async def kept_of(context, secrets, form):
    """The secrets that stand in any row but a provider's own bytes, in any form that a row may have of them."""
    rows = {name: content for name, content in (await everything(context.store)).items() if name != "webhooks"}
    rows["calls"] = [[value for value in row if not isinstance(value, bytes)] for row in rows["calls"]]
    text = repr(rows)
    core = FORMS["base64"]
    written = {secret: [secret, form(secret), json.dumps(form(secret))[1:-1]] for secret in secrets}
    if form is core:
        written = {secret: [secret, core(secret)[8:-8]] for secret in secrets}
    return [secret for secret, ways in written.items() if any(way in text for way in ways)]


async def masked(context, generation_id):
    """The message of the generation's failure, and the JSON of its timeline."""
    generation = await stored(context, generation_id)
    entries = json.dumps((await timeline(context, generation_id))["data"])
    return generation.failure.message, entries


async def test_a_refused_submission(context, upstream, ordered, secrets_of, repeats, form):
    generation_id = await ordered()
    upstream.answers.append((401, {"error": repeats(generation_id), "error_code": form(KEY)}))

    await run_worker(context, "submit")

    message, entries = await masked(context, generation_id)
    assert message.startswith("cannot call ")
    assert ("********" in message, "********" in entries) == (True, True)
    assert [] == [secret for secret in secrets_of(generation_id) if secret in entries or form(secret) in entries]
    assert "********" in (await stored(context, generation_id)).failure.provider_code
    assert [] == await kept_of(context, secrets_of(generation_id), form)


async def test_a_submission_that_is_postponed(context, upstream, ordered, secrets_of, repeats, form):
    generation_id = await ordered()
    upstream.answers.append((429, {"error": repeats(generation_id)}))

    await run_worker(context, "submit")

    assert "********" in (await stored(context, generation_id)).failure.message
    assert [] == await kept_of(context, secrets_of(generation_id), form)


async def test_a_poll(context, clock, upstream, submitted, secrets_of, repeats, form):
    generation_id = await submitted()
    envelope = {"error": repeats(generation_id), "suggestion": repeats(generation_id), "alternatives": [form(KEY)]}
    upstream.answers.append((200, {"id": "el-1", "status": "error", "output": envelope}))
    clock.advance(300)

    await run_worker(context, "poll")

    generation = await stored(context, generation_id)
    assert ("failed", "poll") == (generation.status, generation.learned_from)
    assert "********" in generation.failure.message
    assert [] == await kept_of(context, secrets_of(generation_id), form)


async def test_a_word_that_nobody_knows(context, clock, upstream, submitted, secrets_of, repeats, form):
    generation_id = await submitted()
    upstream.answers.append((200, {"id": "el-1", "status": f"odd {form(KEY)} {repeats(generation_id)}"}))
    clock.advance(300)

    await run_worker(context, "poll")

    assert "********" in (await stored(context, generation_id)).provider_status
    assert [] == await kept_of(context, secrets_of(generation_id), form)


async def test_a_webhook(context, submitted, calls_back, secrets_of, repeats, form):
    generation_id = await submitted()
    error = {"error": repeats(generation_id), "error_code": "CONTENT_FILTER"}
    body = json.dumps({"exec_id": "el-1", "status": "failed", "output": error, "callback": repeats(generation_id)})
    kept = await calls_back(generation_id, body.encode())

    await run_worker(context, "read")

    assert "********" in (await stored(context, generation_id)).failure.message
    assert [] == await kept_of(context, secrets_of(generation_id), form)
    assert body.encode() == kept.webhook.body  # its own bytes stay, so that it can be verified and read again


async def test_an_output(context, submitted, calls_back, secrets_of, repeats, form):
    generation_id = await submitted()
    url = f"https://storage.example.com/1.jpg?for={quote(repeats(generation_id))}"
    body = json.dumps({"exec_id": "el-1", "status": "succeeded", "output": {"url": url}}).encode()
    await calls_back(generation_id, body)

    await run_worker(context, "read")

    (output,) = (await stored(context, generation_id)).outputs
    assert output.url.startswith("https://storage.example.com/1.jpg?for=cannot%20call")
    assert "********" in output.url
    assert [] == await kept_of(context, secrets_of(generation_id), lambda text: quote(form(text)))


async def test_a_stream(context, upstream, ordered, secrets_of, repeats, form):
    generation_id = await ordered(**SENSE)
    upstream.answers.append(Stream({"type": "error", "message": repeats(generation_id)}))

    await run_worker(context, "submit")

    assert "********" in (await stored(context, generation_id)).failure.message
    assert [] == await kept_of(context, secrets_of(generation_id), form)


async def test_an_answer_in_words(context, upstream, ordered, secrets_of, repeats, form):
    generation_id = await ordered(**{**SENSE, "input": {"prompt": "why red?", "stream": False}})
    upstream.answers.append(
        (200, {"task_id": "t-1", "choices": [{"message": {"content": f"☂ {repeats(generation_id)}"}}]})
    )

    await run_worker(context, "submit")

    async with context.store.reading() as tx:
        words = (await outputs.kept(tx, generation_id, 0)).content.decode()
    assert words.startswith("☂ cannot call ")
    assert not [secret for secret in secrets_of(generation_id) if secret in words or form(secret) in words]


async def test_a_cancellation_that_is_refused(context, upstream, submitted, secrets_of, repeats, form):
    generation_id = await submitted()
    upstream.answers.append((409, {"error": repeats(generation_id)}))

    with pytest.raises(NotCancelable, match=r"eachlabs refused: cannot call .*\*{8}") as refused:
        await cancel(context, generation_id)

    message = str(refused.value)
    assert not [secret for secret in secrets_of(generation_id) if secret in message or form(secret) in message]


async def test_a_cancellation(context, upstream, ordered, form):
    generation_id = await ordered(provider="seacloud", model="nano_banana_2")
    upstream.answers.append((200, {"request_id": "el-1"}))
    await run_worker(context, "submit")
    secrets = [WEBHOOK_SECRET, "key-of-seacloud"]
    status = " ".join(form(secret) for secret in secrets)
    upstream.answers.append((200, {"status": status, "request_id": "el-1"}))

    await cancel(context, generation_id)

    assert "********" in (await stored(context, generation_id)).provider_status
    assert [] == await kept_of(context, secrets, form)


async def test_a_second_question(context, clock, upstream, ordered, form):
    generation_id = await ordered(provider="seacloud", model="nano_banana_2")
    upstream.answers.append((200, {"request_id": "sc-1"}))
    await run_worker(context, "submit")
    result = (422, {"detail": f"no: {form('key-of-seacloud')} ."})
    upstream.answers += [(200, {"status": "COMPLETED", "request_id": "sc-1"}), result]
    clock.advance(30)

    await run_worker(context, "poll")

    assert [] == await kept_of(context, ["key-of-seacloud"], form)
    error = {"status": "COMPLETED", "request_id": "sc-1", "error": f"no: {form('key-of-seacloud')} ."}
    upstream.answers += [(200, error)]
    clock.advance(60)
    await run_worker(context, "poll")
    assert "********" in (await stored(context, generation_id)).failure.message
    assert [] == await kept_of(context, ["key-of-seacloud"], form)


@pytest.fixture
def unsecured(store, transport, clock, upstream):
    """A context without a webhook secret of the operator: one that is made up for each generation is used instead."""
    context = context_over(store, transport, clock, upstream.url)
    account = replace(context.upstreams["eachlabs", "default"].account, webhook_secrets=())
    without_secrets = replace(context.upstreams["eachlabs", "default"], account=account)
    return replace(context, upstreams={**context.upstreams, ("eachlabs", "default"): without_secrets})


async def test_a_secret_that_was_made_up(unsecured, upstream, ordered, secrets_of, repeats, form):
    generation_id = await ordered()
    upstream.answers.append((401, {"error": repeats(generation_id, unsecured)}))

    await run_worker(unsecured, "submit")

    (secret,) = unsecured.callback_urls.webhook_secrets(generation_id)
    assert secret == upstream.requests[0].json["webhook_secret"]
    assert [] == await kept_of(unsecured, secrets_of(generation_id, unsecured), form)


async def test_a_secret_that_was_made_up_for_a_sibling(unsecured, upstream, form):
    """All generations of a bulk order share the secret and the URL of one of them."""
    request = OrderRequest(provider="eachlabs", model="workflows/wf-1/v1", input={})
    ids = [generation.id for generation in await order_bulk(unsecured, request, [{"prompt": "a"}, {"prompt": "b"}])]
    (secret,) = unsecured.callback_urls.webhook_secrets(ids[0])
    token = unsecured.callback_urls.url("eachlabs", "default", ids[0]).rpartition("/")[2]
    message = f"no {FORMS['plain'](secret)} for {token} or {form(secret) if form is not FORMS['base64'] else ''} ."
    upstream.answers.append((400, {"error": message}))

    await run_worker(unsecured, "submit")

    assert secret == upstream.requests[0].json["webhook_secret"]
    assert {"failed"} == {(await stored(unsecured, generation_id)).status for generation_id in ids}
    secrets = [secret, token.partition("~")[2]]
    assert [] == await kept_of(unsecured, secrets, str if form is FORMS["base64"] else form)


async def test_what_is_read_of_an_answer_is_not_changed_by_what_it_repeats(context, clock, upstream, submitted):
    """A field that nobody reads may repeat the URL, and an id of ours is no secret."""
    generation_id = await submitted()
    url = context.callback_urls.url("eachlabs", "default", generation_id)
    answer = {"id": "el-1", "status": "processing", "webhook_url": url, "logs": f"for {generation_id}"}
    upstream.answers.append((200, answer))
    clock.advance(300)

    await run_worker(context, "poll")

    generation = await stored(context, generation_id)
    assert ("processing", "processing") == (generation.status, generation.provider_status)


async def test_what_older_releases_kept_is_hidden_when_it_is_shown(
    context, store, submitted, repeats, form, secrets_of
):
    generation_id = await submitted()
    reading = json.dumps({"notes": [repeats(generation_id)]})
    async with store.transaction() as tx:
        (row,) = await tx.fetch(_KEPT["observations"], generation_id=generation_id)
        await tx.fetch(_KEPT["rewrite"], id=row["id"], reading=reading)

    entries = (await timeline(context, generation_id))["data"]

    (note,) = next(entry for entry in entries if entry["type"] == "observation")["details"]["notes"]
    assert note.startswith("cannot call ")
    assert not [secret for secret in secrets_of(generation_id) if form(secret) in note]
    assert ACCEPTED["predictionID"] == (await stored(context, generation_id)).external_id


async def test_a_webhook_of_an_account_that_is_gone_shows_no_token(context):
    """The account's key is not available any more; what the service made is."""
    alone = replace(context, upstreams={})
    url = alone.callback_urls.url("eachlabs", "gone", "gen_1")

    assert f"{PUBLIC_URL}/callbacks/eachlabs/********" == mask_about(alone, "eachlabs", "gone", "gen_1").text(url)


async def test_without_a_public_url_there_is_no_token(context):
    alone = replace(context, callback_urls=replace(context.callback_urls, public_url=None))

    assert "no ********" == mask_about(alone, "eachlabs", "default", "gen_1").text(f"no {KEY}")
