"""Every row of every provider's table of errors shows where the table says, and its code where the provider puts it."""

from typing import Any

import pytest

from arrivals.lab.rehearsal.app import PROVIDERS
from arrivals.lab.rehearsal.state import Where
from arrivals.lab.rehearsal.vtrix.rule import RULES, broken
from tests.lab.rehearsal.conftest import FAMILIES

ROWS: list[Any] = [
    pytest.param((provider, route), name, outcome, id=f"{provider}-{route}-{name}")
    for provider, module in PROVIDERS.items()
    for route, outcomes in module.OUTCOMES.items()
    for name, outcome in outcomes.items()
    if route != "sense"  # its stream has tests of its own
]
REFUSED = [row for row in ROWS if row.values[2].where is Where.SUBMIT]
FAILED = [row for row in ROWS if row.values[2].where is Where.FAILURE]
VANISHED = [row for row in ROWS if row.values[2].where is Where.POLL]

# The codes of the providers' error pages, written out once more by hand, so that a row lost from a table is noticed.
PAGES = {
    (
        "laozhang",
        "legacy",
    ): """INVALID_PROMPT INVALID_MODEL QUOTA_EXCEEDED TASK_NOT_FOUND INVALID_IMAGE_URL IMAGE_TOO_LARGE
        TASK_TIMEOUT INSUFFICIENT_BALANCE""",
    (
        "laozhang",
        "sora-forward",
    ): """invalid_api_key authentication_error insufficient_quota insufficient_balance model_not_found
        invalid_request_error invalid_parameter rate_limit_exceeded server_error image_fetch_failed invalid_image_format
        image_too_large model_not_support_image""",
    (
        "runblob",
        "kling/o3-photo",
    ): """INSUFFICIENT_CREDITS TASK_NOT_FOUND INVALID_TASK_ID INVALID_IMAGE IMAGE_INACCESSIBLE
        IMAGE_TOO_LARGE UNSUPPORTED_IMAGE_FORMAT CONTENT_POLICY_VIOLATION MODERATION_FAILED UNSAFE_CONTENT
        NON_ENGLISH_PROMPT PROMINENT_PEOPLE_UPLOAD PHOTOREAL_UPLOAD TIMEOUT TASK_FAILED API_ERROR GOOGLE_DECLINED
        OPENAI_DECLINED MAINTENANCE""",
    ("aihubmix", "videos"): """insufficient_user_quota prompt_missing prompt_too_long text_too_long size_not_supported
        n_not_within_range""",
    ("eachlabs", "predictions"): """INPUT_VALIDATION_ERROR PROVIDER_REJECTED PROVIDER_BAD_REQUEST PROVIDER_FAILED
        PROVIDER_RATE_LIMIT PROVIDER_AUTH_ERROR PROVIDER_SERVER_ERROR NETWORK_ERROR EXECUTION_TIMEOUT
        INPUT_DOWNLOAD_ERROR""",
    (
        "vtrix",
        "flat",
    ): """001015001 001015002 001015003 001015004 001015005 001015006 001015007 001015008 001015009 001015010
        001015011 001015012 001015013 001015095 001015096 001015097 001015098 001015099""",
}
for sibling in ("veo-forward", "seedance", "sora-reverse", "veo-reverse"):
    PAGES["laozhang", sibling] = PAGES["laozhang", "sora-forward"]
for sibling in [*FAMILIES, "legacy/veo"]:
    PAGES["runblob", sibling] = PAGES["runblob", "kling/o3-photo"]
PAGES["vtrix", "enveloped"] = PAGES["vtrix", "flat"]
PAGES["seacloud", "queue"] = """INFERENCE_FAILURE INFERENCE_TIMEOUT REQUEST_INVALID CONTENT_BLOCKED CANCELED
    INTERNAL_SERVER_ERROR UNAUTHORIZED RATE_LIMIT_EXCEEDED NOT_FOUND 40201 40202 40203 40204 40205 40206 40207 40208"""
for _route in PROVIDERS["aihubmix"].OUTCOMES:
    PAGES["aihubmix", _route] = PAGES["aihubmix", "videos"]

AIHUBMIX_ROWS: list[Any] = [
    (503, "Incorrect model ID. Please request to view the model page or you do not have permission to use this model"),
    (503, "contact support to request higher concurrency or try again later."),
    (429, "Too many requests; please try again later."),
    (403, "Your account balance is insufficient. Please recharge your account to continue using the API."),
    (403, "Account suspended."),
    (403, "insufficient permissions."),
    (403, "allowed only from approved IP ranges."),
    (403, "not authorized to access the requested model."),
    (403, "Key error;("),
    (403, "channel has been disabled."),
    (401, "no access token supplied; please log in and include a valid token."),
    (401, "access token is invalid or expired."),
    (400, "invalid channel ID."),
    (400, "prompt is required"),
    (400, "prompt is too long"),
    (400, "input is too long"),
    (400, "size not supported"),
    (400, "invalid value of n"),
]
RUNBLOB_DETAILS = [
    "Generation not found",
    "Task not found",
    "Validation error: prompt is required",
    "Invalid resolution. Must be 1k, 2k, or 4k",
    "Maximum 10 images allowed (URLs + base64 combined)",
    "Maximum 5 images allowed, got 6",
    "Cannot mix images_url and images_base64 in one request",
    "Cannot provide both images_base64 and images_url",
    "Cannot provide both image_base64 and image_url",
    "Duration must be 5, 10, or 15 seconds",
    "Model must be 'kling_o3' or 'kling_o3_pro'",
    "Invalid image format",
    "Missing credentials",
    "Invalid API key",
]


@pytest.mark.parametrize("route", PAGES, ids="/".join)
def test_every_code_of_the_page_has_a_row(route):
    outcomes = PROVIDERS[route[0]].OUTCOMES[route[1]]
    for code in PAGES[route].split():
        assert code in outcomes
        assert outcomes[code].code in {code, None}


def test_every_row_of_aihubmix_has_its_status_and_words():
    for route in PROVIDERS["aihubmix"].OUTCOMES.values():
        for status, words in AIHUBMIX_ROWS:
            assert [row for row in route.values() if row.status == status and words in str(row.body)], words


def test_every_detail_of_runblob_can_be_had():
    bodies = [row.body for row in PROVIDERS["runblob"].OUTCOMES["kling/o3-photo"].values()]
    for detail in RUNBLOB_DETAILS:
        assert {"detail": detail} in bodies


def test_every_category_of_eachlabs_can_be_had():
    outcomes = PROVIDERS["eachlabs"].OUTCOMES["predictions"]
    for word in ("VALIDATION", "PROVIDER", "AUTH", "RATE_LIMIT", "NETWORK", "TIMEOUT", "INTERNAL", "UNKNOWN"):
        assert word == outcomes[word].body["output"]["classification"]["category"]
        assert "error_code" not in outcomes[word].body["output"]


@pytest.mark.parametrize(("route", "name", "outcome"), REFUSED)
async def test_a_refused_order_is_refused_at_submit(rehearsal, route, name, outcome):
    answer = await rehearsal.order(route, f"ref=one run=0 outcome={name}")
    assert outcome.status == answer.status_code
    said = _texts(answer.json())
    assert [text for text in _texts(outcome.body) if "{" not in text and text not in said] == []
    assert [text for text in said if "{" in text] == []
    entry = await rehearsal.record(route[0])
    assert {"http_status": outcome.status, "code": outcome.code} == entry["refused_with"]
    assert (0, 1, "failed", outcome.code) == tuple(entry[key] for key in ("submits", "refused", "outcome", "code"))


@pytest.mark.parametrize(("route", "name", "outcome"), FAILED)
async def test_a_failing_job_fails_in_the_poll_and_in_the_webhook(rehearsal, receiver, route, name, outcome):
    external_id = await rehearsal.accepted(route, f"ref=one run=0 outcome={name}", callback=receiver.url)
    body = (await rehearsal.poll(route, external_id)).json()
    if route == ("seacloud", "queue"):
        assert (body["status"], bool(body["error"])) == ("COMPLETED", True)
    else:
        assert ("data" in body and body["data"]["status"]) or body["status"] in {"failed", "error"}
    # `prompt` and `input` echo the directive.
    reply_text = str({name: value for name, value in body.items() if name not in {"prompt", "input"}})
    if route in {("runblob", "kling/o3-photo"), ("runblob", "kling/o1-video")}:
        assert outcome.code not in reply_text  # only its webhook says why
    elif outcome.code is not None:
        assert outcome.code in reply_text
    if route[0] in {"runblob", "eachlabs"}:
        called = str((await receiver.until(1))[0][2])
        assert ('"success":false' if route[1] == "legacy/veo" else "failed") in called
        assert route[1] in {"predictions", "kling"} or outcome.code is None or outcome.code in called
        if route[1] == "predictions":
            assert "Error: " in called
    entry = await rehearsal.record(route[0])
    assert ("failed", outcome.code, []) == tuple(entry[key] for key in ("outcome", "code", "outputs"))


@pytest.mark.parametrize(("route", "name", "outcome"), VANISHED)
async def test_a_vanished_job_runs_and_then_is_not_found(rehearsal, route, name, outcome):
    external_id = await rehearsal.accepted(route, f"ref=one run=5 outcome={name}")
    assert (await rehearsal.poll(route, external_id)).status_code == 200
    rehearsal.clock.at += 5
    answer = await rehearsal.poll(route, external_id)
    assert outcome.status == answer.status_code
    assert outcome.code is None or outcome.code in answer.text
    assert (await rehearsal.record(route[0]))["outcome"] == "failed"


def _texts(value):
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    return [value] if isinstance(value, str) else []


SOUND: dict[str, Any] = {"input": {"messages": [{"role": "user", "content": [{"text": "a fox"}]}]}, "parameters": {}}
BREAKERS: dict[str, dict[str, Any]] = {
    "001015001": {},
    "001015002": {"input": {"messages": []}},
    "001015003": {"input": {"messages": [{"role": "system"}]}},
    "001015004": {"input": {"messages": [{"role": "user", "content": [{}, {}]}]}},
    "001015005": {"input": {"messages": [{"role": "user", "content": [{"image": "x"}]}]}},
    "001015006": {"input": {"messages": [{"role": "user", "content": [{"text": "x" * 2101}]}]}},
    "001015007": SOUND | {"parameters": {"negative_prompt": "x" * 501}},
    "001015008": SOUND | {"parameters": {"n": 5}},
    "001015009": SOUND | {"parameters": {"seed": -1}},
    "001015010": SOUND | {"parameters": {"size": "1280x1280"}},
    "001015011": SOUND | {"parameters": {"size": "100*100"}},
    "001015012": SOUND | {"parameters": {"size": "600*2700"}},
    "001015013": SOUND | {"parameters": {"size": "wide*high"}},
}


@pytest.mark.parametrize("code", RULES)
async def test_vtrix_refuses_an_order_that_breaks_a_rule(rehearsal, code):
    assert code == broken(BREAKERS[code])
    headers = {"authorization": "Bearer rehearsal-vtrix"}
    flat = {"model": "wan26_t2i", **BREAKERS[code]}
    enveloped = {"model": "wan26_t2i", "input": [{"params": BREAKERS[code]}]}
    for body in (flat, enveloped):
        answer = await rehearsal.client.post("/vtrix/model/v1/generation", json=body, headers=headers)
        assert (400, {"code": code, "message": RULES[code]}) == (answer.status_code, answer.json()["error"])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"size": "768*2700", "n": 1, "seed": 2147483647, "negative_prompt": "x" * 500},
        {"size": "1440*1440"},
        {"size": "768*768", "n": 4, "seed": 0},
    ],
)
def test_vtrix_takes_what_its_page_allows(parameters):
    assert broken(SOUND | {"parameters": parameters}) is None


def test_no_outcome_is_named_like_the_built_in_ones():
    for row in ROWS:
        assert row.values[1] not in {"completed", "empty"}
