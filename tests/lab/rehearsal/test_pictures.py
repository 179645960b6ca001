"""AiHubMix's pictures, which are answered once, and the rules of its vendors for films."""

from base64 import b64decode
from io import BytesIO

import httpx
import imagesize
import pytest

from arrivals.lab.rehearsal.files import file_name, picture

ROUTES = [("aihubmix", "predictions"), ("aihubmix", "images")]
HEADERS = {"authorization": "Bearer rehearsal-aihubmix"}


def made(body):
    """The pictures in an answer, each as the name of its field and the value."""
    output = body.get("output")
    if isinstance(output, dict):
        return [("bytesBase64", item["bytesBase64"]) for item in output["b64_json"]]
    items = output if output is not None else body["data"]
    return [pair for item in items for pair in item.items()]


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_pictures_come_in_every_shape(rehearsal, route):
    places = set()
    for number in range(24):
        body = (await rehearsal.order(route, f"ref=r{number} run=0")).json()
        pictures = made(body)
        entry = await rehearsal.record("aihubmix", f"r{number}")
        assert (2, route[1], "completed") == (len(pictures), entry["route"], entry["outcome"])
        for (name, said), truly in zip(pictures, entry["outputs"], strict=True):
            places.add(("output" if "output" in body else "data", name))
            if name == "url":
                assert said == truly
                assert (await rehearsal.client.get(said)).content == picture(file_name(said))
            else:
                assert truly == f"data:image/png;base64,{said}"
                assert imagesize.get(BytesIO(b64decode(said))) == (256, 256)
        assert len({said for _, said in pictures}) == len(pictures)
    both = {("data", "url"), ("data", "b64_json")}
    assert places == both | ({("output", "url"), ("output", "bytesBase64")} if route[1] == "predictions" else set())


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
@pytest.mark.parametrize(("dialect", "names"), [("url", {"url"}), ("base64", {"bytesBase64", "b64_json"})])
async def test_the_form_can_be_asked_for(rehearsal, route, dialect, names):
    for number in range(6):
        body = (await rehearsal.order(route, f"ref=r{number} run=0 dialect={dialect}")).json()
        assert {name for name, _ in made(body)} <= names


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
@pytest.mark.parametrize("words", ["outcome=empty", "outcome=empty:1"])
async def test_an_answer_may_be_empty_and_is_the_only_one(rehearsal, route, words):
    assert made((await rehearsal.order(route, f"ref=one run=0 {words}")).json()) == []
    entry = await rehearsal.record("aihubmix")
    assert (entry["outcome"], entry["has_output"]) == ("completed", False)


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("402", 403), ("500", 500), ("503", 503)])
async def test_the_first_submissions_are_refused(rehearsal, route, fault, status):
    said = [(await rehearsal.order(route, f"ref=one run=0 submit={fault}:2")).status_code for _ in range(3)]
    assert [status, status, 200] == said


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_cut_answer_leaves_a_job_behind(rehearsal, route):
    with pytest.raises(httpx.RemoteProtocolError):
        await rehearsal.order(route, "ref=one run=0 submit=cut")
    entry = await rehearsal.record("aihubmix")
    assert (entry["submits"], entry["answer_cut"], entry["outcome"]) == (1, True, "completed")


@pytest.mark.parametrize("route", ROUTES, ids="/".join)
async def test_a_wrong_key_and_an_unknown_fault_are_refused(rehearsal, route):
    assert (await rehearsal.order(route, key="Bearer wrong")).status_code == 401
    assert (await rehearsal.order(route, "dialect=hmac")).json()["rehearsal"].startswith("unknown fault")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "prompt_missing"),
        ({"prompt": 7}, "prompt_missing"),
        ({"prompt": "x" * 32_001}, "prompt_too_long"),
        ({"prompt": "a fox", "size": "huge"}, "size_not_supported"),
        ({"prompt": "a fox", "size": 1024}, "size_not_supported"),
        ({"prompt": "a fox", "n": 11}, "n_not_within_range"),
        ({"prompt": "a fox", "n": "2"}, "n_not_within_range"),
    ],
)
async def test_orders_are_checked(rehearsal, fields, code):
    for path, body in (
        ("/aihubmix/v1/models/google/imagen-4.0-fast-generate-001/predictions", {"input": fields}),
        ("/aihubmix/v1/images/generations", {"model": "gpt-image-1", **fields}),
    ):
        answer = await rehearsal.client.post(path, json=body, headers=HEADERS)
        assert (400, code) == (answer.status_code, answer.json()["error"]["code"])


async def test_predictions_want_an_input(rehearsal):
    path = "/aihubmix/v1/models/openai/gpt-image-1/predictions"
    answer = await rehearsal.client.post(path, json={"prompt": "a fox"}, headers=HEADERS)
    assert (answer.status_code, "input is required" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("vendor", "more", "words"),
    [
        (
            "sora",
            {"input_reference": "https://a.example/b.png"},
            "Invalid type for 'input_reference': expected an object, but got a string",
        ),
        ("sora", {"seconds": 4}, "Invalid type for 'seconds'"),
        ("sora", {"aspect_ratio": "16:9"}, "aspect_ratio"),
        ("veo", {"seconds": "8"}, "Invalid type for 'seconds'"),
        ("veo", {"seconds": 5}, "seconds must be"),
        ("veo", {"input_reference": {"image_url": "https://a.example/b.png"}}, "not supported"),
        ("seedance", {"duration": "5"}, "Invalid type for 'duration'"),
        ("seedance", {"content": "a fox"}, "Invalid type for 'content'"),
        ("dashscope", {"input": "a fox"}, "Invalid type for 'input'"),
        ("dashscope", {"input": {"prompt": "a fox", "media": [{"type": "image"}]}}, "media.type"),
        ("dashscope", {"parameters": {"duration": "5"}}, "Invalid type for 'parameters.duration'"),
        ("dashscope", {"parameters": []}, "Invalid type for 'parameters'"),
        ("dashscope", {"input": {}, "prompt": "a fox"}, "prompt is required"),
        ("kling", {"image_list": ["x"] * 5}, "at most 4"),
        ("kling", {"image_list": "x"}, "Invalid type for 'image_list'"),
    ],
)
async def test_a_vendor_refuses_what_is_not_its_own(rehearsal, vendor, more, words):
    answer = await rehearsal.order(("aihubmix", vendor), **more)
    assert (answer.status_code, words in answer.text) == (400, True)
    jobs = (await rehearsal.client.get("/rehearsal/record")).json()["jobs"]
    assert {vendor} == {job["route"] for job in jobs}


@pytest.mark.parametrize(
    ("vendor", "more"),
    [
        ("sora", {"model": "sora-2-pro", "seconds": "12", "input_reference": {"image_url": "https://a.example/b.png"}}),
        ("veo", {"seconds": 4, "size": "1280x720"}),
        ("seedance", {"prompt": None, "content": [{"type": "text", "text": "a fox"}], "duration": 10}),
        ("dashscope", {"model": "wan2.7-i2v", "parameters": {"resolution": "720P", "duration": 5}}),
        ("dashscope", {"input": {"prompt": "a fox", "media": [{"type": "first_frame", "url": "https://a.example/b"}]}}),
        ("kling", {"image_list": ["https://a.example/b.png"] * 4}),
    ],
)
async def test_a_vendor_takes_what_its_page_allows(rehearsal, vendor, more):
    assert (await rehearsal.order(("aihubmix", vendor), **more)).status_code == 200


@pytest.mark.parametrize("vendor", ["sora", "veo", "seedance", "dashscope", "kling"])
async def test_a_film_of_every_vendor_has_its_bytes(rehearsal, vendor):
    external_id = await rehearsal.accepted(("aihubmix", vendor))
    assert (await rehearsal.record("aihubmix"))["route"] == vendor
    answer = await rehearsal.client.get(f"/aihubmix/v1/videos/{external_id}/content", headers=HEADERS)
    assert answer.headers["content-type"] == "video/mp4"
