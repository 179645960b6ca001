"""The exact calls: where, how, with which key, and what is written in them."""

from contextlib import suppress
from typing import Any

import pytest

from arrivals.core.failure import FailureCode, Fault
from arrivals.core.http import HttpCall
from arrivals.core.wire import from_json
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import File, Refused, Target, route_of
from tests.support.requests import (
    ACCOUNT,
    JSON,
    adapter_of,
    field,
    file,
    form,
    get_call,
    order,
    posted,
    submitted,
    target,
)

CALLBACK = "https://arrivals.test/callbacks/any/token"
CALLED_BACK = {"callback_url": CALLBACK, "webhook_secret": "s3cret"}
CAT = {"prompt": "a cat"}
PHOTO = "https://a.test/cat.jpg"
FETCHED = {PHOTO: File(content=b"\xff\xd8\xffbytes", content_type="image/jpeg; charset=binary")}
SENSE = "https://sense.test/agent"
LEGACY = "https://legacy.test/old"
STREAMED = {**JSON, "accept": "text/event-stream", "accept-encoding": "identity"}


def cat_form(model, *more):
    """The form that orders a cat of LaoZhang."""
    return form("/v1/videos", field("prompt", "a cat"), *more, field("model", model))


FAMILIES = (
    "kling/o3-photo", "kling/o1-photo", "kling/o1-video", "kling/o3-video", "kling", "veo", "sora", "gemini",
    "chatgpt-images", "seedance",
)  # fmt: skip
VIDEOS = ("sora-2", "veo-3.1-generate-preview", "doubao-seedance-2-0-260128", "reverse/sora-2", "veo-3.1")
VENDORS = ("wan2.6-t2v", "sora-2", "veo-3.1-generate-preview", "doubao-seedance-1-5-pro", "wan2.7-i2v", "kling-v2-6")
CAT_AND_REFERENCE = {"prompt": "a cat", "input_reference": PHOTO}
REFERENCE = file("input_reference", "reference.jpeg", "image/jpeg", b"\xff\xd8\xffbytes")

# (provider, model, what it shows): (the order's input, what else it has, the call)
SUBMISSIONS: dict[tuple[str, str, str], tuple[dict[str, Any], dict[str, Any], HttpCall]] = {
    # https://docs.laozhang.ai/en/api-capabilities/veo/api-reference
    ("laozhang", "veo3-fast", "JSON"): (
        {"prompt": "a cat", "images": ["https://a.test/1.png"]},
        {},
        posted("/veo/v1/api/video/submit", b'{"prompt":"a cat","images":["https://a.test/1.png"],"model":"veo3-fast"}'),
    ),
    # https://docs.laozhang.ai/en/api-capabilities/sora2/official-forward
    ("laozhang", "sora-2", "always a form"): (CAT, {}, cat_form("sora-2")),
    ("laozhang", "sora-2-pro", "a form with a fetched file"): (
        CAT_AND_REFERENCE,
        {"files": FETCHED},
        cat_form("sora-2-pro", REFERENCE),
    ),
    # https://docs.laozhang.ai/en/api-capabilities/veo/official-forward
    ("laozhang", "veo-3.1-generate-preview", "always a form"): (CAT, {}, cat_form("veo-3.1-generate-preview")),
    ("laozhang", "veo-3.1-fast-generate-preview", "a form with a fetched file"): (
        CAT_AND_REFERENCE,
        {"files": FETCHED},
        cat_form("veo-3.1-fast-generate-preview", REFERENCE),
    ),
    # https://docs.laozhang.ai/en/api-capabilities/seedance2-video-generation
    ("laozhang", "doubao-seedance-2-0-260128", "JSON, also with a reference"): (
        {**CAT_AND_REFERENCE, "duration": 4},
        {"files": FETCHED},
        posted(
            "/v1/videos",
            b'{"prompt":"a cat","input_reference":"https://a.test/cat.jpg","duration":4,'
            b'"model":"doubao-seedance-2-0-260128"}',
        ),
    ),
    # https://docs.laozhang.ai/en/api-capabilities/sora2/async-api
    ("laozhang", "reverse/sora-2", "JSON; the prefix only chooses the route"): (
        {"prompt": "a cat", "duration": 10},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","duration":10,"model":"sora-2"}'),
    ),
    ("laozhang", "reverse/sora-2-pro", "a form to carry a file"): (
        CAT_AND_REFERENCE,
        {"files": FETCHED},
        cat_form("sora-2-pro", REFERENCE),
    ),
    # https://docs.laozhang.ai/en/api-capabilities/veo/veo-31-async-api
    ("laozhang", "veo-3.1-fl", "JSON"): (
        {"prompt": "a cat", "input_reference": None},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","input_reference":null,"model":"veo-3.1-fl"}'),
    ),
    ("laozhang", "veo-3.1-fast", "a form to carry several files"): (
        {"prompt": "a cat", "input_reference": [PHOTO, PHOTO]},
        {"files": FETCHED},
        cat_form("veo-3.1-fast", REFERENCE, REFERENCE),
    ),
    # https://docs.runblob.io/api-reference/kling/o3-photo-generate and its siblings
    **{
        ("runblob", family, "JSON"): (CAT, {}, posted(f"/v1/{family}/generate", b'{"prompt":"a cat"}'))
        for family in FAMILIES
    },
    **{
        ("runblob", family, "called back"): (
            {"prompt": "a cat", "model": "pro"},
            CALLED_BACK,
            posted(
                f"/v1/{family}/generate",
                b'{"prompt":"a cat","model":"pro","callback_url":"https://arrivals.test/callbacks/any/token"}',
            ),
        )
        for family in ("kling/o3-photo", "gemini")
    },
    # https://docs.runblob.com
    ("runblob", "legacy/veo", "the older brand's host"): (
        CAT,
        {},
        posted("/api/veo/generate", b'{"prompt":"a cat"}', LEGACY),
    ),
    ("runblob", "legacy/veo", "called back"): (
        CAT,
        CALLED_BACK,
        posted(
            "/api/veo/generate",
            b'{"prompt":"a cat","callback_url":"https://arrivals.test/callbacks/any/token"}',
            LEGACY,
        ),
    ),
    # https://docs.aihubmix.com/en/api/Video-Gen, https://github.com/AIhubmix/aihubmix-media-adapters
    ("aihubmix", "wan2.6-t2v", "as it was given"): (
        {"prompt": "a cat", "seconds": 5},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","seconds":5,"model":"wan2.6-t2v"}'),
    ),
    **{
        ("aihubmix", "sora-2", f"seconds as text, given as {seconds!r}"): (
            {"prompt": "a cat", "seconds": seconds},
            {},
            posted("/v1/videos", b'{"prompt":"a cat","seconds":"8","model":"sora-2"}'),
        )
        for seconds in (8, 8.0, "8")
    },
    ("aihubmix", "sora-2", "a reference that is a bare URL goes into the object that sora wants"): (
        {"prompt": "a cat", "input_reference": PHOTO},
        {},
        posted(
            "/v1/videos",
            b'{"prompt":"a cat","input_reference":{"image_url":"https://a.test/cat.jpg"},"model":"sora-2"}',
        ),
    ),
    ("aihubmix", "wan2.6-t2v", "a reference that is a data URI goes out as a file"): (
        {"prompt": "a cat", "input_reference": "data:image/png;base64,aGk="},
        {},
        form(
            "/v1/videos",
            field("prompt", "a cat"),
            file("input_reference", "reference.png", "image/png", b"hi"),
            field("model", "wan2.6-t2v"),
        ),
    ),
    ("aihubmix", "sora-2-pro", "without seconds, with a reference"): (
        {"prompt": "a cat", "input_reference": {"image_url": PHOTO}},
        {},
        posted(
            "/v1/videos",
            b'{"prompt":"a cat","input_reference":{"image_url":"https://a.test/cat.jpg"},"model":"sora-2-pro"}',
        ),
    ),
    ("aihubmix", "sora-2", "seconds that are no number are the provider's to refuse"): (
        {"prompt": "a cat", "seconds": True},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","seconds":true,"model":"sora-2"}'),
    ),
    **{
        ("aihubmix", "veo-3.1-generate-preview", f"seconds as a number, given as {seconds!r}"): (
            {"prompt": "a cat", "seconds": seconds},
            {},
            posted("/v1/videos", b'{"prompt":"a cat","seconds":8,"model":"veo-3.1-generate-preview"}'),
        )
        for seconds in (8, "8")
    },
    ("aihubmix", "veo-3.0-generate-preview", "without seconds"): (
        CAT,
        {},
        posted("/v1/videos", b'{"prompt":"a cat","model":"veo-3.0-generate-preview"}'),
    ),
    ("aihubmix", "veo-2.0-generate-001", "seconds that are no number are the provider's to refuse"): (
        {"prompt": "a cat", "seconds": "8s"},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","seconds":"8s","model":"veo-2.0-generate-001"}'),
    ),
    ("aihubmix", "doubao-seedance-1-5-pro", "as it was given"): (
        {"prompt": "a cat", "duration": 5, "content": []},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","duration":5,"content":[],"model":"doubao-seedance-1-5-pro"}'),
    ),
    ("aihubmix", "wan2.7-i2v", "as it was given"): (
        {"input": {"prompt": "a cat"}, "parameters": {"duration": 5}},
        {},
        posted("/v1/videos", b'{"input":{"prompt":"a cat"},"parameters":{"duration":5},"model":"wan2.7-i2v"}'),
    ),
    ("aihubmix", "kling-v2-6", "as it was given"): (
        {"prompt": "a cat", "image_list": [PHOTO]},
        {},
        posted("/v1/videos", b'{"prompt":"a cat","image_list":["https://a.test/cat.jpg"],"model":"kling-v2-6"}'),
    ),
    # https://docs.aihubmix.com/en/api/Image-Gen
    ("aihubmix", "google/imagen-4.0-fast-generate-001", "the model in the path"): (
        CAT,
        {},
        posted("/v1/models/google/imagen-4.0-fast-generate-001/predictions", b'{"input":{"prompt":"a cat"}}'),
    ),
    ("aihubmix", "openai/gpt image?1", "the model in the path, whatever stands in it"): (
        CAT,
        {},
        posted("/v1/models/openai/gpt%20image%3F1/predictions", b'{"input":{"prompt":"a cat"}}'),
    ),
    ("aihubmix", "gpt-image-1", "JSON"): (
        {"prompt": "a cat", "n": 2},
        {},
        posted("/v1/images/generations", b'{"prompt":"a cat","n":2,"model":"gpt-image-1"}'),
    ),
    ("aihubmix", "images/flux-1.1-pro", "the prefix only chooses the route"): (
        CAT,
        {},
        posted("/v1/images/generations", b'{"prompt":"a cat","model":"flux-1.1-pro"}'),
    ),
    # https://docs.eachlabs.ai/api/predictions
    ("eachlabs", "flux-1-1-pro", "the model's input"): (
        CAT,
        {},
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"}}'),
    ),
    ("eachlabs", "flux-1-1-pro", "the whole body, with its version"): (
        {"version": "0.0.1", "input": {"prompt": "a cat"}},
        {},
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"},"version":"0.0.1"}'),
    ),
    ("eachlabs", "flux-1-1-pro", "the whole body without a version"): (
        {"input": {"prompt": "a cat"}},
        {},
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"}}'),
    ),
    ("eachlabs", "a-voice", "a text that the model itself calls input"): (
        {"input": "Hello", "version": "2"},
        {},
        posted("/v1/prediction", b'{"model":"a-voice","input":{"input":"Hello","version":"2"}}'),
    ),
    ("eachlabs", "flux-1-1-pro", "a version of the model's own"): (
        {"version": "anime", "prompt": "a cat"},
        {},
        posted("/v1/prediction", b'{"model":"flux-1-1-pro","input":{"version":"anime","prompt":"a cat"}}'),
    ),
    ("eachlabs", "flux-1-1-pro", "called back, with a secret to send along"): (
        CAT,
        CALLED_BACK,
        posted(
            "/v1/prediction",
            b'{"model":"flux-1-1-pro","input":{"prompt":"a cat"},'
            b'"webhook_url":"https://arrivals.test/callbacks/any/token","webhook_secret":"s3cret"}',
        ),
    ),
    # https://docs.eachlabs.ai/workflows/trigger
    ("eachlabs", "workflows/wf-1/ve r?1", "the workflow's inputs"): (
        CAT,
        {},
        posted("/v1/workflows/trigger/wf-1/ve%20r%3F1", b'{"inputs":{"prompt":"a cat"}}'),
    ),
    ("eachlabs", "workflows/wf-1/ver-1", "the whole body"): (
        {"inputs": {"prompt": "a cat"}},
        {},
        posted("/v1/workflows/trigger/wf-1/ver-1", b'{"inputs":{"prompt":"a cat"}}'),
    ),
    ("eachlabs", "workflows/wf-1/ver-1", "a text that the workflow itself calls inputs"): (
        {"inputs": "a cat"},
        {},
        posted("/v1/workflows/trigger/wf-1/ver-1", b'{"inputs":{"inputs":"a cat"}}'),
    ),
    ("eachlabs", "workflows/wf-1/ver-1", "called back, with a secret to send along"): (
        CAT,
        CALLED_BACK,
        posted(
            "/v1/workflows/trigger/wf-1/ver-1",
            b'{"inputs":{"prompt":"a cat"},'
            b'"webhook_url":"https://arrivals.test/callbacks/any/token","webhook_secret":"s3cret"}',
        ),
    ),
    ("eachlabs", "workflows/@fox/cats/ver-1", "a public one: the key in the body and in no header"): (
        CAT,
        {},
        posted(
            "/v1/public/@fox/workflows/cats/versions/ver-1/trigger",
            b'{"api_key":"key-1","inputs":{"prompt":"a cat"}}',
            headers={"content-type": "application/json"},
        ),
    ),
    ("eachlabs", "workflows/@fo x/c?ts/ver#1", "a public one, called back"): (
        CAT,
        CALLED_BACK,
        posted(
            "/v1/public/@fo%20x/workflows/c%3Fts/versions/ver%231/trigger",
            b'{"api_key":"key-1","inputs":{"prompt":"a cat"},'
            b'"webhook_url":"https://arrivals.test/callbacks/any/token","webhook_secret":"s3cret"}',
            headers={"content-type": "application/json"},
        ),
    ),
    # https://docs.eachlabs.ai/sense/chat-completions
    ("eachlabs", "eachsense/beta", "streamed unless the order says otherwise"): (
        {"messages": [{"role": "user", "content": "a cat"}]},
        {"reference": "gen_1"},
        posted(
            "/v1/chat/completions",
            b'{"messages":[{"role":"user","content":"a cat"}],"model":"eachsense/beta","stream":true}',
            SENSE,
            STREAMED,
            streamed=True,
        ),
    ),
    ("eachlabs", "eachsense/beta", "a prompt becomes the message"): (
        {"prompt": "a cat", "mode": "eco"},
        {"reference": "gen_1"},
        posted(
            "/v1/chat/completions",
            b'{"mode":"eco","model":"eachsense/beta","messages":[{"role":"user","content":"a cat"}],"stream":true}',
            SENSE,
            STREAMED,
            streamed=True,
        ),
    ),
    ("eachlabs", "eachsense/beta", "not streamed, under a key of idempotency"): (
        {"prompt": "a cat", "stream": False},
        {"reference": "gen_1"},
        posted(
            "/v1/chat/completions",
            b'{"stream":false,"model":"eachsense/beta","messages":[{"role":"user","content":"a cat"}]}',
            SENSE,
            {**JSON, "x-idempotency-key": "gen_1"},
        ),
    ),
    ("eachlabs", "eachsense/beta", "neither prompt nor messages is the provider's to refuse"): (
        {"stream": None},
        {"reference": "gen_1"},
        posted("/v1/chat/completions", b'{"stream":null,"model":"eachsense/beta"}', SENSE, STREAMED, streamed=True),
    ),
    # https://doc.vtrix.ai/docs/api/qwen/wan26-t2i
    ("vtrix", "wan26_t2i", "the model page's fields at the top"): (
        {"input": {"messages": []}, "parameters": {"n": 1}},
        CALLED_BACK,
        posted("/model/v1/generation", b'{"input":{"messages":[]},"parameters":{"n":1},"model":"wan26_t2i"}'),
    ),
    # https://doc.vtrix.ai/docs/api/anthropic/model_api_documentation_extra
    ("vtrix", "enveloped/wan26_t2i", "in an envelope; the prefix only chooses the route"): (
        {"input": {"messages": []}, "parameters": {"n": 1}},
        {},
        posted(
            "/model/v1/generation",
            b'{"model":"wan26_t2i","input":[{"params":{"input":{"messages":[]},"parameters":{"n":1}}}]}',
        ),
    ),
    ("vtrix", "ultra_i2v_pro", "in an envelope"): (
        CAT,
        {},
        posted("/model/v1/generation", b'{"model":"ultra_i2v_pro","input":[{"params":{"prompt":"a cat"}}]}'),
    ),
    # https://doc.vtrix.ai/docs/api/vtrix/kirin-v2-6-i2v
    ("vtrix", "kirin-v2-6-i2v", "called back, under our own name"): (
        CAT,
        {"reference": "gen_1", **CALLED_BACK},
        posted(
            "/model/v1/generation",
            b'{"external_task_id":"gen_1","prompt":"a cat",'
            b'"callback_url":"https://arrivals.test/callbacks/any/token","model":"kirin-v2-6-i2v"}',
        ),
    ),
    ("vtrix", "kirin-v2-6-t2v", "the caller's own name for it"): (
        {"prompt": "a cat", "external_task_id": "mine"},
        {"reference": "gen_1"},
        posted("/model/v1/generation", b'{"external_task_id":"mine","prompt":"a cat","model":"kirin-v2-6-t2v"}'),
    ),
    ("vtrix", "kirin-v2-1-master-i2v", "without any name"): (
        CAT,
        {},
        posted("/model/v1/generation", b'{"prompt":"a cat","model":"kirin-v2-1-master-i2v"}'),
    ),
    # https://cloud.seaart.ai/docs/model-api/multimodal/submit
    ("seacloud", "nano_banana_2", "the parameters alone, and never where to call"): (
        CAT,
        {"reference": "gen_1", **CALLED_BACK},
        posted("/v1/queue/nano_banana_2", b'{"prompt":"a cat"}'),
    ),
    ("seacloud", "google/nano banana?", "the model in the path, whatever stands in it"): (
        CAT,
        {},
        posted("/v1/queue/google/nano%20banana%3F", b'{"prompt":"a cat"}'),
    ),
}

# (provider, model, what is asked, the provider's id): the call
QUESTIONS = {
    ("laozhang", "veo3-fast", "poll", "veo3:b8/7 3"): get_call("/veo/v1/api/video/status/veo3:b8%2F7%203"),
    **{
        ("laozhang", model, what, "video_69:78?/"): get_call(f"/v1/videos/video_69%3A78%3F%2F{path}")
        for model in VIDEOS
        for what, path in (("poll", ""), ("fetch_result", "/content"))
    },
    **{
        ("runblob", family, "poll", "550e:8/4#1"): get_call(f"/v1/{family}/generations/550e%3A8%2F4%231")
        for family in FAMILIES
        if family != "sora"  # whose page has a slash at the end
    },
    ("runblob", "sora", "poll", "550e:8/4#1"): get_call("/v1/sora/generations/550e%3A8%2F4%231/"),
    ("runblob", "legacy/veo", "poll", "550e:8/4#1"): get_call("/api/veo/status/550e%3A8%2F4%231", LEGACY),
    **{
        ("aihubmix", model, "poll", "eyJ/+=:In0channel"): get_call("/v1/videos/eyJ%2F%2B%3D%3AIn0channel")
        for model in VENDORS
    },
    ("eachlabs", "flux-1-1-pro", "poll", "abc:../x"): get_call("/v1/prediction/abc%3A..%2Fx"),
    ("eachlabs", "flux-1-1-pro", "cancel", "abc:../x"): posted("/v1/prediction/abc%3A..%2Fx/cancel", b"{}"),
    ("eachlabs", "workflows/wf-1/ver-1", "poll", "69ae/8c?"): get_call("/v1/workflows/executions/69ae%2F8c%3F"),
    ("eachlabs", "workflows/@fox/cats/ver-1", "poll", "69ae/8c?"): get_call("/v1/workflows/executions/69ae%2F8c%3F"),
    ("eachlabs", "eachsense/beta", "poll", "69ae/8c?"): get_call("/v1/workflows/executions/69ae%2F8c%3F"),
    ("vtrix", "wan26_t2i", "poll", "d758:n/6"): get_call("/model/v1/generation/task/d758%3An%2F6"),
    ("vtrix", "kirin-v2-6-i2v", "poll", "d758:n/6"): get_call("/model/v1/generation/task/d758%3An%2F6"),
    ("vtrix", "enveloped/wan26_t2i", "poll", "d5u5:o/b"): get_call("/api/v1/multi-models-generate/d5u5%3Ao%2Fb"),
    ("seacloud", "google/nano banana?", "poll", "mm/su:1?"): get_call(
        "/v1/queue/google/nano%20banana%3F/requests/mm%2Fsu%3A1%3F/status"
    ),
    ("seacloud", "nano_banana_2", "fetch_result", "mm/su:1?"): get_call(
        "/v1/queue/nano_banana_2/requests/mm%2Fsu%3A1%3F/response"
    ),
    ("seacloud", "nano_banana_2", "cancel", "mm/su:1?"): get_call(
        "/v1/queue/nano_banana_2/requests/mm%2Fsu%3A1%3F/cancel", method="PUT"
    ),
}

# (provider, model): (orders of one call, the call)
BULKS = {
    # https://docs.eachlabs.ai/workflows/bulk-trigger
    ("eachlabs", "workflows/wf-1/ve r@1"): (
        [
            order("eachlabs", "workflows/wf-1/ve r@1", fields, **CALLED_BACK)
            for fields in (CAT, {"inputs": {"prompt": "a dog"}})
        ],
        posted(
            "/v1/workflows/bulk-trigger/wf-1/ve%20r%401",
            b'{"inputs":[{"prompt":"a cat"},{"prompt":"a dog"}],'
            b'"webhook_url":"https://arrivals.test/callbacks/any/token","webhook_secret":"s3cret"}',
        ),
    )
}


@pytest.mark.parametrize("case", SUBMISSIONS, ids=" ".join)
def test_submission_is_this_call(case):
    provider, model, _ = case
    fields, more, call = SUBMISSIONS[case]

    assert call == submitted(provider, model, fields, **more)


@pytest.mark.parametrize("case", QUESTIONS, ids=" ".join)
def test_question_is_this_call(case):
    """Whatever stands in an id, the path stays the one meant; LaoZhang's older pages send their colon as it is."""
    provider, model, what, external_id = case
    request = getattr(adapter_of(provider, model), what)

    assert QUESTIONS[case] == request.build(target(provider, model, external_id), ACCOUNT)


@pytest.mark.parametrize("case", BULKS, ids=" ".join)
def test_bulk_order_is_this_call(case):
    """Called back at one address for all of them."""
    orders, call = BULKS[case]

    assert call == adapter_of(*case).bulk.submit(orders, ACCOUNT)


@pytest.mark.parametrize("model", ["workflows/@fox/cats", "workflows/@fox/cats/v1/more"])
def test_public_workflow_is_named_whole(model):
    """A version that is missing would be asked of another address."""
    with pytest.raises(Refused, match="workflows/@nickname/slug/version"):
        submitted("eachlabs", model, {"prompt": "a cat"})


def test_public_workflows_are_not_ordered_in_bulk():
    """The page has no call for it; nothing is sent and nothing paid."""
    orders = [order("eachlabs", "workflows/@fox/cats/ver-1", CAT)] * 2

    with pytest.raises(Refused) as refused:
        adapter_of("eachlabs", "workflows/@fox/cats/ver-1").bulk.submit(orders, ACCOUNT)

    failure = refused.value.failure
    assert (FailureCode.INVALID_REQUEST, Fault.CALLER, "preflight", False) == (
        failure.code,
        failure.fault,
        failure.origin,
        failure.billed,
    )


def verbs(adapter):
    """The calls that a route's adapter can make."""
    return ["submit", *(verb for verb in ("poll", "fetch_result", "cancel", "bulk") if getattr(adapter, verb))]


@pytest.mark.parametrize("name", PROVIDERS)
def test_everything_a_route_can_say_is_shown_here(name):
    """From the catalog: a new route, or a new verb of one, fails here until its exact call stands above."""
    able = {(route.name, verb) for route in PROVIDERS[name].ROUTES for verb in verbs(route.adapter)}
    shown = [
        *((provider, model, "submit") for provider, model, _ in SUBMISSIONS),
        *((provider, model, what) for provider, model, what, _ in QUESTIONS),
        *((provider, model, "bulk") for provider, model in BULKS),
    ]

    assert able == {
        (route_of(PROVIDERS[name], model).name, verb) for provider, model, verb in shown if provider == name
    }


@pytest.mark.parametrize("case", SUBMISSIONS, ids=" ".join)
def test_submission_goes_to_the_accounts_own_hosts_with_its_key_and_no_other_secret(case):
    """A public workflow takes the key in the body. The one webhook secret to send along is named by the order."""
    provider, model, _ = case
    fields, more, _ = SUBMISSIONS[case]

    call = submitted(provider, model, fields, **more)

    hosts = (ACCOUNT.base_url, *ACCOUNT.hosts.values())
    key = call.headers.get("authorization") or from_json(call.body)["api_key"]
    assert call.url.startswith(tuple(f"{host}/" for host in hosts))
    assert "key-1" == key.removeprefix("Bearer ")
    assert b"never-sent-unless-asked" not in call.body


@pytest.mark.parametrize("case", SUBMISSIONS, ids=" ".join)
def test_secret_is_given_only_together_with_where_to_call(case):
    provider, model, _ = case
    fields, more, _ = SUBMISSIONS[case]

    call = submitted(provider, model, fields, **more | {"callback_url": None, "webhook_secret": "s3cret"})

    assert b"s3cret" not in call.body
    assert CALLBACK.encode() not in call.body


@pytest.mark.parametrize(
    ("provider", "model", "sent"),
    [
        ("laozhang", "veo3-fast", "veo3-fast"),
        ("laozhang", "doubao-seedance-2-0-260128", "doubao-seedance-2-0-260128"),
        ("laozhang", "reverse/sora-2", "sora-2"),
        ("laozhang", "veo-3.1-fl", "veo-3.1-fl"),
        ("aihubmix", "wan2.6-t2v", "wan2.6-t2v"),
        ("aihubmix", "sora-2", "sora-2"),
        ("aihubmix", "veo-3.1-generate-preview", "veo-3.1-generate-preview"),
        ("aihubmix", "images/flux-1.1-pro", "flux-1.1-pro"),
        ("eachlabs", "flux-1-1-pro", "flux-1-1-pro"),
        ("eachlabs", "eachsense/beta", "eachsense/beta"),
        ("vtrix", "wan26_t2i", "wan26_t2i"),
        ("vtrix", "enveloped/wan26_t2i", "wan26_t2i"),
        ("vtrix", "kirin-v2-6-i2v", "kirin-v2-6-i2v"),
    ],
)
def test_model_that_was_ordered_is_the_model_that_is_sent(provider, model, sent):
    """What a generation says it is, it is: a `model` among the input cannot make it another, dearer one."""
    assert sent == from_json(submitted(provider, model, {"model": "another"}).body)["model"]


@pytest.mark.parametrize(
    ("provider", "model"), [("runblob", "kling/o3-photo"), ("runblob", "legacy/veo"), ("vtrix", "kirin-v2-6-i2v")]
)
def test_provider_calls_us_and_not_where_the_input_says(provider, model):
    """Otherwise the caller would take our webhook away from us."""
    fields = {"prompt": "a cat", "callback_url": "https://elsewhere.test/"}

    assert CALLBACK == from_json(submitted(provider, model, fields, **CALLED_BACK).body)["callback_url"]


@pytest.mark.parametrize(
    ("provider", "model", "fields"),
    [
        ("eachlabs", "flux-1-1-pro", {"version": "0.0.1", "input": {"prompt": "a cat"}}),
        ("eachlabs", "workflows/wf-1/ver-1", {"inputs": {"prompt": "a cat"}}),
        ("eachlabs", "eachsense/beta", {"prompt": "a cat"}),
        ("laozhang", "sora-2", {"prompt": "a cat", "size": None}),
        ("aihubmix", "sora-2", {"prompt": "a cat", "seconds": 8}),
    ],
)
def test_order_is_not_changed_by_submitting_it(provider, model, fields):
    kept = {**fields}

    submitted(provider, model, fields, **CALLED_BACK)

    assert kept == fields


@pytest.mark.parametrize("messages", [None, []])
def test_prompt_is_said_where_the_messages_are_empty(messages):
    call = submitted("eachlabs", "eachsense/beta", {"prompt": "a cat", "messages": messages})

    assert [{"role": "user", "content": "a cat"}] == from_json(call.body)["messages"]


def test_messages_are_kept_where_there_is_a_prompt_too():
    messages = [{"role": "system", "content": "be kind"}]

    call = submitted("eachlabs", "eachsense/beta", {"prompt": "a cat", "messages": messages})

    assert messages == from_json(call.body)["messages"]


ROUTES = [(name, route) for name, provider in PROVIDERS.items() for route in provider.ROUTES]
ASKING = [
    (name, route, verb)
    for name, route in ROUTES
    for verb in ("poll", "fetch_result", "cancel")
    if getattr(route.adapter, verb)
]


@pytest.mark.parametrize(("name", "route", "verb"), ASKING, ids=lambda part: getattr(part, "name", part))
def test_question_about_an_unknown_id_is_our_mistake(name, route, verb):
    without = Target(model="any", route=route.name, base_url=PROVIDERS[name].BASE_URL)

    with pytest.raises(ValueError, match="has no external id yet"):
        getattr(route.adapter, verb).build(without, ACCOUNT)


STRANGE = (None, True, -1, 0.5, 10**400, "", "8", "\x00 é", "data:", "https://[", [], [None], [[]], {}, {"": {}})


@pytest.mark.parametrize(("name", "route"), ROUTES, ids=lambda part: getattr(part, "name", part))
def test_input_of_any_kind_makes_a_call_or_is_refused(name, route):
    """Nothing else is raised on the way out: the order was taken already, and who sends it must hear of it."""
    model = route.models[0].replace("*", "x")
    fields = (
        "prompt",
        "input",
        "inputs",
        "messages",
        "seconds",
        "input_reference",
        "stream",
        "version",
        "callback_url",
    )

    for field_name in (*fields, *(limit.param.partition(".")[0] for limit in route.limits)):
        for value in STRANGE:
            with suppress(Refused):
                assert "POST" == submitted(name, model, {field_name: value}, **CALLED_BACK).method
