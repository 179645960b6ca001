from dataclasses import replace
import json

import pytest

from arrivals.core.generation import VerifiedBy
from arrivals.core.http import InboundWebhook
from arrivals.flow.context import NotConfigured
from arrivals.flow.observation.receive import receive, shown_headers
from arrivals.providers.contract import Unverified
from arrivals.store import observations, webhook_lists
from arrivals.store.webhook_lists import WebhookQuery
from tests.flow.conftest import SUCCEEDED
from tests.support.contexts import with_policy


async def test_bytes_and_headers_are_kept_as_they_came(context, submitted, calls_back):
    generation_id = await submitted()
    body = b'{ "exec_id" :"el-1",\n"status":"succeeded" }\xff'

    stored = await calls_back(generation_id, body)

    async with context.store.reading() as tx:
        kept = await observations.webhook_by_id(tx, stored.id)
    assert (body, VerifiedBy.SECRET, generation_id) == (kept.webhook.body, kept.verified_by, kept.generation_id)


async def test_an_unverified_webhook_is_kept_apart_and_the_quarantine_is_bounded(context, submitted):
    generation_id = await submitted()
    token = context.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
    few = tools_with(context, quarantine_keep=2)

    for number in range(4):
        with pytest.raises(Unverified):
            await receive(few, "eachlabs", token, InboundWebhook(body=b"%d" % number))

    async with context.store.reading() as tx:
        rows = (await webhook_lists.listed(tx, WebhookQuery(verification="no"))).items
        kept = [await observations.webhook_by_id(tx, row.id) for row in rows]
    assert [b"3", b"2"] == [stored.webhook.body for stored in kept]
    assert all(stored.quarantined_at and stored.refused_reason for stored in kept)


def tools_with(context, **limits):
    return with_policy(context, limits=replace(context.policy.limits, **limits))


async def test_a_webhook_of_an_account_that_is_gone_may_come_again(context):
    """Its secrets may be back by then."""
    token = context.callback_urls.url("eachlabs", "gone", "gen_1").rpartition("/")[2]

    with pytest.raises(NotConfigured):
        await receive(context, "eachlabs", token, InboundWebhook())


async def test_a_made_up_secret_is_accepted_too(context, submitted):
    generation_id = await submitted()
    token = context.callback_urls.url("eachlabs", "default", generation_id).rpartition("/")[2]
    headers = {"x-webhook-secret": context.callback_urls.webhook_secrets(generation_id)[0]}

    body = json.dumps(SUCCEEDED).encode()
    stored = await receive(context, "eachlabs", token, InboundWebhook(headers=headers, body=body))

    assert VerifiedBy.SECRET == stored.verified_by


def test_what_proves_the_caller_is_never_shown():
    webhook = InboundWebhook(headers={"x-webhook-secret": "s3cret", "content-type": "application/json"})

    assert {"x-webhook-secret": "********", "content-type": "application/json"} == shown_headers(webhook)


async def test_without_a_secret_of_the_operators_the_one_we_made_up_counts(context, submitted):
    key = ("eachlabs", "default")
    account = replace(context.upstreams[key].account, webhook_secrets=())
    alone = replace(context, upstreams={key: replace(context.upstreams[key], account=account)})
    generation_id = await submitted()
    token = context.callback_urls.url(*key, generation_id).rpartition("/")[2]
    made_up = alone.callback_urls.webhook_secrets(generation_id)[0]

    stored = await receive(alone, "eachlabs", token, InboundWebhook(headers={"x-webhook-secret": made_up}, body=b"{}"))

    assert VerifiedBy.SECRET == stored.verified_by
    with pytest.raises(Unverified):
        await receive(alone, "eachlabs", token, InboundWebhook(headers={"x-webhook-secret": "a guess"}, body=b"{}"))
