"""The exact calls: where, how, with which key, and what is written in them."""

import base64
import hashlib

import pytest

from service.core.failure import FailureCode, Fault
from service.core.http import HttpCall
from service.core.wire import from_json
from service.providers import aihubmix, eachlabs, laozhang, runblob, vtrix
from service.providers.base import Account, Order, Refused, Target, route_of
from service.providers.catalog import PROVIDERS

ACCOUNT = Account(base_url="https://upstream.test/base", api_key="key-1", webhook_secrets=("never-sent-unless-asked",))
BEARER = {"authorization": "Bearer key-1"}
JSON = {**BEARER, "content-type": "application/json"}
CALLBACK = "https://arrivals.test/callbacks/any/token"
PNG = b"\x89PNG\r\n\x1a\n\x00bytes"
PNG_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()


def order(provider, model, told, **where):
    return Order(model=model, route=route_of(provider, model).name, input=told, **where)


def target(provider, model, external_id):
    return Target(
        model=model,
        route=route_of(provider, model).name,
        base_url=ACCOUNT.base_url,
        external_id=external_id,
    )


def spoken(provider, model):
    return route_of(provider, model).dialect


def posted(path, body):
    return HttpCall(method="POST", url=f"https://upstream.test/base{path}", headers=JSON, body=body)


def asked(path):
    return HttpCall(method="GET", url=f"https://upstream.test/base{path}", headers=BEARER)


SUBMISSIONS = {
    "laozhang-legacy": (
        order(laozhang, "veo3-fast", {"prompt": "a cat", "images": ["https://a.test/1.png"]}),
        posted(
            "/veo/v1/api/video/submit",
            b'{"prompt":"a cat","images":["https://a.test/1.png"],"model":"veo3-fast"}',
        ),
    ),
    "aihubmix-videos": (
        order(aihubmix, "wan2.6-t2v", {"prompt": "a cat", "seconds": "5"}),
        posted("/v1/videos", b'{"prompt":"a cat","seconds":"5","model":"wan2.6-t2v"}'),
    ),
    "vtrix-flat": (
        order(vtrix, "wan26_t2i", {"input": {"messages": []}, "parameters": {"n": 1}}),
        posted("/model/v1/generation", b'{"input":{"messages":[]},"parameters":{"n":1},"model":"wan26_t2i"}'),
    ),
    "vtrix-enveloped": (
        order(vtrix, "enveloped/wan26_t2i", {"input": {"messages": []}, "parameters": {"n": 1}}),
        posted(
            "/model/v1/generation",
            b'{"model":"wan26_t2i","input":[{"params":{"input":{"messages":[]},"parameters":{"n":1}}}]}',
        ),
    ),
    "runblob-o3-photo": (
        order(runblob, "kling/o3-photo", {"prompt": "a cat"}),
        posted("/v1/kling/o3-photo/generate", b'{"prompt":"a cat"}'),
    ),
    "runblob-o3-photo-called-back": (
        order(runblob, "kling/o3-photo", {"prompt": "a cat"}, callback_url=CALLBACK, webhook_secret="s3cret"),
        posted("/v1/kling/o3-photo/generate", b'{"prompt":"a cat","callback_url":"' + CALLBACK.encode() + b'"}'),
    ),
    "runblob-gemini": (
        order(runblob, "gemini", {"prompt": "a cat", "model": "pro"}, callback_url=CALLBACK),
        posted(
            "/v1/gemini/generate", b'{"prompt":"a cat","model":"pro","callback_url":"' + CALLBACK.encode() + b'"}'
        ),
    ),
    "eachlabs": (
        order(eachlabs, "flux-1-1-pro", {"prompt": "a cat"}),
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"}}'),
    ),
    "eachlabs-input-given-whole": (
        order(eachlabs, "flux-1-1-pro", {"input": {"prompt": "a cat"}}),
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"}}'),
    ),
    "eachlabs-input-of-the-models-own": (
        order(eachlabs, "a-voice", {"input": "Hello", "version": "2"}),
        posted("/v1/prediction", b'{"model":"a-voice","input":{"input":"Hello","version":"2"}}'),
    ),
    "eachlabs-version": (
        order(eachlabs, "flux-1-1-pro", {"version": "0.0.1", "input": {"prompt": "a cat"}}),
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"},"version":"0.0.1"}'),
    ),
    "eachlabs-version-of-the-models-own": (
        order(eachlabs, "flux-1-1-pro", {"version": "anime", "prompt": "a cat"}),
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"version":"anime","prompt":"a cat"}}'),
    ),
    "eachlabs-called-back": (
        order(eachlabs, "flux-1-1-pro", {"prompt": "a cat"}, callback_url=CALLBACK, webhook_secret="s3cret"),
        posted(
            "/v1/prediction",
            b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"},"webhook_url":"'
            + CALLBACK.encode()
            + b'","webhook_secret":"s3cret"}',
        ),
    ),
}  # fmt: skip

QUESTIONS = {
    "laozhang-legacy": (laozhang, "veo3-fast", "veo3:b8/7 3", "/veo/v1/api/video/status/veo3:b8%2F7%203"),
    "laozhang-videos": (laozhang, "sora-2", "video_69:78?/", "/v1/videos/video_69:78%3F%2F"),
    "aihubmix-videos": (aihubmix, "sora-2", "eyJ/+=:In0channel", "/v1/videos/eyJ%2F%2B%3D%3AIn0channel"),
    "vtrix-flat": (vtrix, "wan26_t2i", "d758:n/6", "/model/v1/generation/task/d758%3An%2F6"),
    "vtrix-enveloped": (vtrix, "enveloped/wan26_t2i", "d5u5:o/b", "/api/v1/multi-models-generate/d5u5%3Ao%2Fb"),
    "runblob-o3-photo": (runblob, "kling/o3-photo", "550e:8/4", "/v1/kling/o3-photo/generations/550e%3A8%2F4"),
    "runblob-gemini": (runblob, "gemini", "ffd4#73/d", "/v1/gemini/generations/ffd4%2373%2Fd"),
    "eachlabs": (eachlabs, "flux-1-1-pro", "abc:../x", "/v1/prediction/abc%3A..%2Fx"),
}


def provider_named(name):
    return PROVIDERS[name.partition("-")[0]]


def submit(name, given):
    return spoken(provider_named(name), given.model).submit(given, ACCOUNT)


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_submission_is_this_call(name):
    given, call = SUBMISSIONS[name]

    assert call == submit(name, given)


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_is_this_call(name):
    """Whatever stands in an id, the path stays the one that was meant; laozhang's pages send their colon as it is."""
    provider, model, external_id, path = QUESTIONS[name]

    assert asked(path) == spoken(provider, model).poll.ask(target(provider, model, external_id), ACCOUNT)


def test_every_route_is_submitted_and_asked_here():
    """The multipart route has its own tests below."""
    routes = {(name, route.name) for name, provider in PROVIDERS.items() for route in provider.ROUTES}
    submitted = {(name.partition("-")[0], given.route) for name, (given, _) in SUBMISSIONS.items()}
    questioned = {(provider.NAME, route_of(provider, model).name) for provider, model, _, _ in QUESTIONS.values()}

    assert routes == submitted | {("laozhang", "videos")}
    assert routes == questioned


def test_cancel_of_each_labs_is_this_call():
    assert posted("/v1/prediction/abc%3Ax/cancel", b"{}") == spoken(eachlabs, "flux-1-1-pro").cancel.ask(
        target(eachlabs, "flux-1-1-pro", "abc:x"), ACCOUNT
    )


def test_every_call_stays_at_the_accounts_base_url_with_its_key():
    calls = [submit(name, given) for name, (given, _) in SUBMISSIONS.items()]

    assert {("https://upstream.test/base", "Bearer key-1")} == {
        (call.url[: len(ACCOUNT.base_url)], call.headers["authorization"]) for call in calls
    }


@pytest.mark.parametrize(
    ("provider", "model"),
    [(laozhang, "veo3-fast"), (aihubmix, "sora-2"), (vtrix, "wan26_t2i"), (eachlabs, "flux-1-1-pro")],
    ids=lambda part: getattr(part, "NAME", part),
)
def test_model_that_was_ordered_is_the_model_that_is_sent(provider, model):
    """What a generation says it is, it is: a `model` among the input cannot make it another, dearer one."""
    call = spoken(provider, model).submit(order(provider, model, {"model": "another"}), ACCOUNT)

    assert model == from_json(call.body)["model"]


def test_order_is_not_changed_by_submitting_it():
    given = {"version": "0.0.1", "input": {"prompt": "a cat"}}

    spoken(eachlabs, "flux-1-1-pro").submit(order(eachlabs, "flux-1-1-pro", given), ACCOUNT)

    assert {"version": "0.0.1", "input": {"prompt": "a cat"}} == given


def test_form_of_laozhang_videos_is_multipart():
    told = {"prompt": "ein Kätzchen", "seconds": 8, "size": None, "watermark": False, "tags": ["a"]}
    parts = (
        'content-disposition: form-data; name="prompt"\r\n\r\nein Kätzchen'.encode(),
        b'content-disposition: form-data; name="seconds"\r\n\r\n8',
        b'content-disposition: form-data; name="watermark"\r\n\r\nfalse',
        b'content-disposition: form-data; name="tags"\r\n\r\n["a"]',
        b'content-disposition: form-data; name="model"\r\n\r\nsora-2',
    )
    boundary = hashlib.sha256(b"".join(parts)).hexdigest()[:40]
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()

    assert HttpCall(
        method="POST",
        url="https://upstream.test/base/v1/videos",
        headers={**BEARER, "content-type": f"multipart/form-data; boundary={boundary}"},
        body=body,
    ) == spoken(laozhang, "sora-2").submit(order(laozhang, "sora-2", told), ACCOUNT)


def test_reference_of_laozhang_videos_is_a_file_in_the_form():
    call = spoken(laozhang, "sora-2").submit(order(laozhang, "sora-2", {"input_reference": PNG_URI}), ACCOUNT)
    head = b'content-disposition: form-data; name="input_reference"; filename="reference.png"\r\n'

    assert head + b"content-type: image/png\r\n\r\n" + PNG + b"\r\n--" in call.body


def test_same_order_makes_the_same_bytes():
    one = order(laozhang, "sora-2", {"prompt": "a cat", "input_reference": PNG_URI})

    assert spoken(laozhang, "sora-2").submit(one, ACCOUNT) == spoken(laozhang, "sora-2").submit(one, ACCOUNT)


@pytest.mark.parametrize(
    "reference",
    [
        "https://a.test/cat.png",
        "",
        PNG_URI.removeprefix("data:"),
        "data:image/png;base64,",
        "data:image/png;base64,***",
        "data:image/png;base64,é",
        "data:image/png,plain",
        {"image_url": "https://a.test/cat.png"},
        17,
    ],
)
def test_reference_that_is_no_file_is_refused_before_anything_is_paid(reference):
    with pytest.raises(Refused) as refused:
        spoken(laozhang, "sora-2").submit(order(laozhang, "sora-2", {"input_reference": reference}), ACCOUNT)

    failure = refused.value.failure
    assert (FailureCode.INVALID_INPUT, Fault.CALLER, "preflight") == (failure.code, failure.fault, failure.origin)


@pytest.mark.parametrize(
    "head",
    ["data:image/png\r\nx-evil: 1;base64,", 'data:image/pn"g;base64,', "data:;base64,", "data:image;base64,"],
)
def test_media_type_that_is_none_is_refused(head):
    """Otherwise it could end the part's header and begin another."""
    with pytest.raises(Refused):
        spoken(laozhang, "sora-2").submit(order(laozhang, "sora-2", {"input_reference": head + "aGk="}), ACCOUNT)


@pytest.mark.parametrize("name", ['a"b', "a\r\nx-evil: 1", "a\nb"])
def test_field_name_cannot_end_its_header(name):
    call = spoken(laozhang, "sora-2").submit(order(laozhang, "sora-2", {name: "v"}), ACCOUNT)

    assert b"\r\nx-evil" not in call.body
    assert b"\r\n\r\nv\r\n--" in call.body
    assert 2 == call.body.count(b'form-data; name="')


@pytest.mark.parametrize("name", PROVIDERS)
def test_question_about_an_unknown_id_is_our_mistake(name):
    provider = PROVIDERS[name]
    without = Target(model="any", route=provider.ROUTES[0].name, base_url=provider.BASE_URL)

    with pytest.raises(ValueError, match="has no external id yet"):
        next(route for route in provider.ROUTES if route.polls).dialect.poll.ask(without, ACCOUNT)
