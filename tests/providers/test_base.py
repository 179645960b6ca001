"""The guarantees of every provider module: routes, adapters, accounts, targets, and missing capabilities."""

from dataclasses import fields

import pytest

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.http import InboundWebhook
from arrivals.providers import aihubmix, eachlabs, laozhang, runblob, seacloud, vtrix
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Adapter, File, Order, Refused, Target, Trust, Unverified, route_of

ACCOUNT = Account(base_url="https://upstream.test", api_key="key-1", webhook_secrets=("s3cret",))
TARGET = Target(model="a-model", route="a-route", base_url="https://upstream.test", external_id="an-id")
WITHOUT_WEBHOOKS = ["aihubmix", "laozhang", "seacloud"]
ROUTES = [(name, route) for name, provider in PROVIDERS.items() for route in provider.ROUTES]


def named(part):
    """A route, a module or a word in a test's id."""
    return getattr(part, "NAME", getattr(part, "name", part))


@pytest.mark.parametrize(
    ("provider", "model", "route"),
    [
        (laozhang, "veo3", "legacy"),
        (laozhang, "veo3-pro-frames", "legacy"),
        (laozhang, "sora-2-pro", "sora-forward"),
        (laozhang, "reverse/sora-2-pro", "sora-reverse"),
        (laozhang, "veo-3.1-fast-generate-preview", "veo-forward"),
        (laozhang, "veo-3.1", "veo-reverse"),
        (laozhang, "veo-3.1-fast", "veo-reverse"),
        (laozhang, "doubao-seedance-2-0-fast-260128", "seedance"),
        (runblob, "kling/o3-photo", "kling/o3-photo"),
        (runblob, "kling", "kling"),
        (runblob, "gemini", "gemini"),
        (runblob, "legacy/veo", "legacy/veo"),
        (aihubmix, "sora-2", "sora"),
        (aihubmix, "veo-3.1-generate-preview", "veo"),
        (aihubmix, "doubao-seedance-1-5-pro", "seedance"),
        (aihubmix, "happyhorse-1", "dashscope"),
        (aihubmix, "wan2.7-i2v", "dashscope"),
        (aihubmix, "wan2.6-t2v", "videos"),
        (aihubmix, "kling-v2-6", "kling"),
        (aihubmix, "openai/gpt-image-1", "predictions"),
        (aihubmix, "images/openai/gpt-image-1", "images"),
        (aihubmix, "dall-e-3", "images"),
        (eachlabs, "flux-1-1-pro", "predictions"),
        (eachlabs, "whatever/it-is", "predictions"),
        (eachlabs, "workflows/alone", "predictions"),
        (eachlabs, "workflows/wf-1/ver-1", "workflows"),
        (eachlabs, "workflows/@fox/cats/ver-1", "workflows"),
        (eachlabs, "eachsense/beta", "sense"),
        (vtrix, "wan26_t2i", "flat"),
        (vtrix, "enveloped/wan26_t2i", "enveloped"),
        (vtrix, "ultra_i2v_pro", "enveloped"),
        (vtrix, "kirin-v2-6-t2v", "kirin"),
        (seacloud, "nano_banana_2", "queue"),
    ],
    ids=named,
)
def test_model_chooses_its_route(provider, model, route):
    assert route == route_of(provider, model).name


@pytest.mark.parametrize("model", ["veo3-", "VEO3", "", "sora-2 ", "kling/o3-photo"])
def test_model_nobody_knows_has_no_route(model):
    assert route_of(laozhang, model) is None


@pytest.mark.parametrize("model", ["..", ".", "../x", "a/../../b", "a/./b", "workflows/../../x", "workflows/@a/b/.."])
def test_model_that_would_lead_the_call_elsewhere_has_no_route(model):
    """Some models stand in the path, and HTTP follows its dots: out to any other call that the account's key allows."""
    assert [] == [name for name, provider in PROVIDERS.items() if route_of(provider, model)]


@pytest.mark.parametrize("name", PROVIDERS)
def test_module_stands_in_the_catalog_under_its_own_name(name):
    assert name == PROVIDERS[name].NAME


@pytest.mark.parametrize("name", PROVIDERS)
def test_routes_of_a_provider_have_names_of_their_own(name):
    """A generation remembers its route by name."""
    names = [route.name for route in PROVIDERS[name].ROUTES]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=named)
def test_route_is_the_one_that_its_models_choose(name, route):
    """None stands in the shadow of an earlier one."""
    models = [model.replace("*", "x") for model in route.models]

    assert {route.name} == {route_of(PROVIDERS[name], model).name for model in models}


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=named)
def test_route_waits_no_longer_than_its_provider_does(name, route):
    """The interval, the first question, the usual end and the ceiling follow one another."""
    waits = (route.poll_every_s, route.initial_poll_delay_s, *route.usual_duration_s, route.max_duration_s)

    assert tuple(sorted(waits)) == waits


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_table_names_its_page(name):
    pages = [PROVIDERS[name].DOCUMENTATION, *(route.documentation for route in PROVIDERS[name].ROUTES)]

    assert all(page.startswith("https://") for page in pages)


@pytest.mark.parametrize("name", PROVIDERS)
def test_hosts_are_written_without_a_slash_at_their_end(name):
    """Paths are put behind them as they are."""
    hosts = [PROVIDERS[name].BASE_URL, *PROVIDERS[name].HOSTS.values()]

    assert [] == [host for host in hosts if not host.startswith("https://") or host.endswith("/")]


# ---------------------------------------------------------------- what a route can do


def test_dialect_that_can_only_order_can_nothing_else():
    """No function is made up for what a provider does not offer."""
    bare = Adapter(submit=submit, read_submitted=read_submitted)
    able = {field.name for field in fields(Adapter)} - {"submit", "read_submitted", "files"}

    assert {None} == {getattr(bare, name) for name in able}


def test_dialect_that_names_no_files_carries_none():
    bare = Adapter(submit=submit, read_submitted=read_submitted)

    assert [] == list(bare.files(Order(model="m", route="r", input={"image": "https://a.test/1.png"})))


def submit(order, account):
    """The form of `Adapter.submit`."""


def read_submitted(reply, target):
    """The form of `Adapter.read_submitted`."""


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=named)
def test_route_polls_where_its_dialect_has_a_question(name, route):
    assert route.polls is (route.adapter.poll is not None)


def test_routes_that_cannot_be_asked_are_those_whose_answer_is_the_result():
    assert {("aihubmix", "images"), ("aihubmix", "predictions")} == {
        (name, route.name) for name, route in ROUTES if not route.polls
    }


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=named)
def test_second_question_follows_a_first(name, route):
    assert route.adapter.fetch_result is None or route.polls


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=named)
def test_route_that_is_called_back_can_read_it_and_no_other_claims_to(name, route):
    assert (route.trust is not None) is (route.adapter.read_webhook is not None)


# ---------------------------------------------------------------- whom to believe


@pytest.mark.parametrize("name", WITHOUT_WEBHOOKS)
def test_webhook_of_a_provider_without_webhooks_is_believed_by_nobody(name):
    forged = InboundWebhook(headers={"x-webhook-secret": "s3cret"}, body=b'{"status": "completed"}')

    with pytest.raises(Unverified):
        PROVIDERS[name].verify(forged, ["s3cret"])
    assert {None} == {route.adapter.read_webhook for route in PROVIDERS[name].ROUTES}


@pytest.mark.parametrize("name", ["runblob", "vtrix"])
def test_unsigned_webhook_has_nothing_to_verify(name):
    """It is a hint: neither believed nor refused."""
    assert PROVIDERS[name].verify(InboundWebhook(body=b"{}"), ["s3cret"]) is None
    assert {Trust.HINT} == {route.trust for route in PROVIDERS[name].ROUTES if route.trust}


def test_each_labs_without_any_secret_believes_nobody():
    with pytest.raises(Unverified):
        eachlabs.verify(InboundWebhook(headers={"x-webhook-secret": ""}, body=b"{}"), [])


# ---------------------------------------------------------------- values


def test_refusal_says_what_the_provider_said():
    said = make_failure(FailureCode.INVALID_REQUEST, "prompt is required")

    assert "prompt is required" == str(Refused(said))
    assert "invalid_request" == str(Refused(make_failure(FailureCode.INVALID_REQUEST)))


def test_secrets_and_what_users_gave_stay_out_of_the_repr():
    shown = repr(ACCOUNT) + repr(
        Order(
            model="m",
            route="r",
            input={},
            webhook_secret="s3cret",
            files={"u": File(content=b"s3cret", content_type="")},
        )
    )

    assert "key-1" not in shown
    assert "s3cret" not in shown


def test_target_knows_its_id_or_says_whose_mistake_it_is():
    assert "an-id" == TARGET.known_id
    with pytest.raises(ValueError, match="a-model has no external id yet"):
        _ = Target(model="a-model", route="a-route", base_url="https://upstream.test").known_id
