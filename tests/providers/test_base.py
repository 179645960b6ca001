"""What every provider module may lean on: routes, accounts, targets, and the ways of not having something."""

import pytest

from service.core.failure import FailureCode, because
from service.core.http import InboundWebhook
from service.providers import eachlabs, laozhang, runblob, vtrix
from service.providers.base import Account, Order, Refused, Target, Unverified, route_of
from service.providers.catalog import PROVIDERS

ACCOUNT = Account(base_url="https://upstream.test", api_key="key-1", webhook_secrets=("s3cret",))
TARGET = Target(model="a-model", route="a-route", base_url="https://upstream.test", external_id="an-id")


@pytest.mark.parametrize(
    ("provider", "model", "route"),
    [
        (laozhang, "veo3", "legacy"),
        (laozhang, "veo3-pro-frames", "legacy"),
        (laozhang, "sora-2-pro", "sora-forward"),
        (runblob, "kling/o3-photo", "kling/o3-photo"),
        (runblob, "gemini", "gemini"),
        (vtrix, "wan26_t2i", "flat"),
        (vtrix, "enveloped/wan26_t2i", "enveloped"),
        (eachlabs, "whatever/it-is", "predictions"),
    ],
    ids=lambda part: getattr(part, "NAME", part),
)
def test_model_chooses_its_route(provider, model, route):
    assert route == route_of(provider, model).name


@pytest.mark.parametrize("model", ["veo3-", "VEO3", "", "sora-2 ", "kling/o3-photo"])
def test_model_nobody_knows_has_no_route(model):
    assert route_of(laozhang, model) is None


@pytest.mark.parametrize("name", PROVIDERS)
def test_module_stands_in_the_catalog_under_its_own_name(name):
    assert name == PROVIDERS[name].NAME


@pytest.mark.parametrize("name", PROVIDERS)
def test_routes_wait_no_longer_than_their_provider_does(name):
    """The interval, the first question, the usual end and the ceiling follow one another."""
    waits = [
        (route.poll_every_s, route.first_poll_s, route.usual_s, route.ceiling_s) for route in PROVIDERS[name].ROUTES
    ]

    assert waits == [tuple(sorted(wait)) for wait in waits]


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_table_names_its_page(name):
    pages = [PROVIDERS[name].DOCUMENTATION, *(route.documentation for route in PROVIDERS[name].ROUTES)]

    assert all(page.startswith("https://") for page in pages)


@pytest.mark.parametrize("name", ["aihubmix", "laozhang", "seacloud"])
def test_webhook_of_a_provider_without_webhooks_is_believed_by_nobody(name):
    forged = InboundWebhook(headers={"x-webhook-secret": "s3cret"}, body=b'{"status": "completed"}')

    with pytest.raises(Unverified):
        PROVIDERS[name].verify(forged, ["s3cret"])
    assert {None} == {route.dialect.read_webhook for route in PROVIDERS[name].ROUTES}


@pytest.mark.parametrize("name", PROVIDERS)
def test_route_that_is_called_back_can_read_it_and_no_other_claims_to(name):
    routes = PROVIDERS[name].ROUTES

    assert [route.trust is not None for route in routes] == [route.dialect.read_webhook is not None for route in routes]


def test_runblob_has_nothing_to_verify():
    """Its webhooks are hints: neither believed nor refused."""
    assert runblob.verify(InboundWebhook(body=b"{}"), ["s3cret"]) is None


def test_each_labs_without_any_secret_believes_nobody():
    with pytest.raises(Unverified):
        eachlabs.verify(InboundWebhook(headers={"x-webhook-secret": ""}, body=b"{}"), [])


def test_refusal_says_what_the_provider_said():
    said = because(FailureCode.INVALID_REQUEST, "prompt is required")

    assert "prompt is required" == str(Refused(said))
    assert "invalid_request" == str(Refused(because(FailureCode.INVALID_REQUEST)))


def test_secrets_stay_out_of_the_repr():
    shown = repr(ACCOUNT) + repr(Order(model="m", route="r", input={}, webhook_secret="s3cret"))

    assert "key-1" not in shown
    assert "s3cret" not in shown
