"""LaoZhang's `/v1/videos`: one path for five routes, no two of which answer alike."""

import pytest

from arrivals.lab.rehearsal.files import picture
from tests.lab.rehearsal.conftest import FORWARDS

KEY = {"authorization": "Bearer rehearsal-laozhang"}
VIDEOS = "/laozhang/v1/videos"
PICTURE = ("fox.png", picture("fox.png"), "image/png")


def a_form(**fields):
    """The fields in the shape of multipart/form-data."""
    return {name: value if isinstance(value, tuple) else (None, value) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("form", "fields", "route"),
    [
        (True, {"model": "sora-2", "seconds": "8"}, "sora-forward"),
        (True, {"model": "sora-2-pro", "seconds": "4", "size": "1024x1792"}, "sora-forward"),
        (True, {"model": "sora-2", "seconds": "12", "input_reference": PICTURE}, "sora-forward"),
        (True, {"model": "sora-2"}, "sora-reverse"),
        (True, {"model": "sora-2", "duration": "10"}, "sora-reverse"),
        (True, {"model": "sora-2", "seconds": "15", "input_reference": PICTURE}, "sora-reverse"),
        (False, {"model": "sora-2"}, "sora-reverse"),
        (False, {"model": "sora-2-pro", "size": "1280x720", "seconds": "15"}, "sora-reverse"),
        (True, {"model": "veo-3.1-generate-preview", "input_reference": PICTURE}, "veo-forward"),
        (True, {"model": "veo-3.1-fast-generate-preview"}, "veo-forward"),
        (False, {"model": "veo-3.1"}, "veo-reverse"),
        (False, {"model": "veo-3.1-landscape"}, "veo-reverse"),
        (True, {"model": "veo-3.1-fl", "input_reference": PICTURE}, "veo-reverse"),
        (True, {"model": "veo-3.1-fast"}, "veo-reverse"),
        (False, {"model": "doubao-seedance-2-0-fast-260128", "duration": 4, "watermark": False}, "seedance"),
    ],
)
async def test_the_body_chooses_the_route(rehearsal, form, fields, route):
    fields = {"prompt": "a fox [rehearse ref=one run=0]"} | fields
    payload = {"files": a_form(**fields)} if form else {"json": fields}
    answer = await rehearsal.client.post(VIDEOS, headers=KEY, **payload)
    assert answer.status_code == 200, answer.text
    assert (await rehearsal.record("laozhang"))["route"] == route


REFUSED = [
    ("sora-forward", {"seconds": "7"}, "Invalid parameter: seconds"),
    ("sora-forward", {"size": "1024x1792"}, "Invalid parameter: size"),
    ("sora-forward", {"input_reference": "https://a.example/fox.png"}, "Invalid image format"),
    ("sora-forward", {"input_reference": ("fox.gif", b"GIF89a", "image/gif")}, "Invalid image format"),
    ("veo-forward", {"input_reference": ("fox.png", b"", "image/png")}, "Invalid image format"),
    ("sora-reverse", {"seconds": "4"}, "Invalid parameter: seconds"),
    ("sora-reverse", {"seconds": 10}, "Invalid parameter: seconds"),
    ("sora-reverse", {"duration": ["10"]}, "Invalid parameter: duration"),
    ("sora-reverse", {"size": "1024x1792"}, "Invalid parameter: size"),
    ("sora-reverse", {"input_reference": "https://a.example/fox.png"}, "Invalid image format"),
    ("veo-reverse", {"input_reference": "https://a.example/fox.png"}, "Model does not support images"),
    ("seedance", {"duration": 3}, "Invalid parameter: duration"),
    ("seedance", {"duration": 16}, "Invalid parameter: duration"),
    ("seedance", {"duration": "5"}, "Invalid parameter: duration"),
    ("seedance", {"ratio": 1.5}, "Invalid parameter: ratio"),
    ("seedance", {"watermark": "no"}, "Invalid parameter: watermark"),
    ("seedance", {"generate_audio": 1}, "Invalid parameter: generate_audio"),
    ("seedance", {"content": {"type": "text"}}, "Invalid parameter: content"),
    ("seedance", {"content": [{"type": "image"}]}, "Invalid parameter: content"),
    ("seedance", {"content": [{"type": "image_url", "role": "first_frame"}]}, "Invalid parameter: content"),
]


@pytest.mark.parametrize(("name", "more", "message"), REFUSED)
async def test_what_a_page_forbids_is_refused(rehearsal, name, more, message):
    answer = await rehearsal.order(("laozhang", name), **more)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)
    assert (await rehearsal.record("laozhang"))["route"] == name


async def test_a_form_is_no_json_and_json_no_form(rehearsal):
    form = {"prompt": "a fox [rehearse ref=one]", "model": "doubao-seedance-2-0-260128"}
    json = {"prompt": "a fox [rehearse ref=two]", "model": "veo-3.1-generate-preview"}
    for payload in ({"files": a_form(**form)}, {"json": json}):
        answer = await rehearsal.client.post(VIDEOS, headers=KEY, **payload)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Invalid request")
    assert (await rehearsal.record("laozhang", "one"))["route"] == "seedance"
    assert (await rehearsal.record("laozhang", "two"))["route"] == "veo-forward"


@pytest.mark.parametrize("form", [True, False])
async def test_a_model_that_nobody_knows(rehearsal, form):
    fields = {"prompt": "a fox", "model": "veo-4"}
    payload = {"files": a_form(**fields)} if form else {"json": fields}
    answer = await rehearsal.client.post(VIDEOS, headers=KEY, **payload)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_sora_reverse_bodies(rehearsal):
    route = ("laozhang", "sora-reverse")
    video = (await rehearsal.order(route, "ref=one run=10")).json()
    created_at = int(rehearsal.clock.at)
    assert video == {
        "id": video["id"],
        "object": "task",
        "model": "sora-2",
        "status": "submitted",
        "created_at": created_at,
        "expires_at": created_at + 86400,
    }
    queued = (await rehearsal.poll(route, video["id"])).json()
    assert (queued["status"], queued["progress"]) == ("submitted", 0)
    rehearsal.clock.at += 6.5
    running = (await rehearsal.poll(route, video["id"])).json()
    assert (running["status"], running["progress"]) == ("in_progress", 65)
    rehearsal.clock.at += 3.5
    assert (await rehearsal.poll(route, video["id"])).json() == {
        "id": video["id"],
        "object": "video",
        "model": "sora-2",
        "status": "completed",
        "progress": 100,
        "url": f"/v1/videos/{video['id']}/content",
        "created_at": created_at,
        "completed_at": created_at + 10,
    }


async def test_veo_reverse_names_the_film_in_its_content(rehearsal):
    route = ("laozhang", "veo-reverse")
    video = (await rehearsal.order(route, "ref=one run=10", model="veo-3.1-landscape")).json()
    assert {"id", "object", "created", "status", "model"} == set(video)
    path = f"{VIDEOS}/{video['id']}/content"
    assert (await rehearsal.client.get(path, headers=KEY)).status_code == 404
    rehearsal.clock.at += 10
    polled = (await rehearsal.poll(route, video["id"])).json()
    assert {"id", "object", "created", "status", "model", "prompt"} == set(polled)
    assert (await rehearsal.client.get(path)).status_code == 401
    body = (await rehearsal.client.get(path, headers=KEY)).json()
    assert (body["status"], body["duration"], body["resolution"]) == ("completed", 8, "1280x720")
    assert [body["url"]] == (await rehearsal.record("laozhang"))["outputs"]
    assert body["url"].startswith("http://localhost:")
    assert (await rehearsal.client.get(body["url"])).headers["content-type"] == "video/mp4"


@pytest.mark.parametrize(
    ("words", "status", "shown"),
    [
        ("outcome=empty", 200, False),
        ("outcome=empty:1", 200, False),
        ("poll=gone", 404, False),
        ("outcome=generation_failed", 404, False),
        ("outcome=completed", 200, True),
    ],
)
async def test_veo_reverse_content_keeps_to_the_directive(rehearsal, words, status, shown):
    external_id = await rehearsal.accepted(("laozhang", "veo-reverse"), f"ref=one run=0 {words}")
    answer = await rehearsal.client.get(f"{VIDEOS}/{external_id}/content", headers=KEY)
    assert (answer.status_code, "url" in answer.json()) == (status, shown)


async def test_veo_forward_is_polled_on_two_paths(rehearsal):
    route = ("laozhang", "veo-forward")
    external_id = await rehearsal.accepted(route)
    other = await rehearsal.client.get(f"/laozhang/v1/video/generations/{external_id}", headers=KEY)
    assert other.json() == (await rehearsal.poll(route, external_id)).json()
    film = await rehearsal.client.get(f"{VIDEOS}/{external_id}/content", headers=KEY)
    assert film.headers["content-type"] == "video/mp4"
    stranger = await rehearsal.accepted(("laozhang", "sora-forward"), "ref=two run=0")
    assert (await rehearsal.client.get(f"/laozhang/v1/video/generations/{stranger}", headers=KEY)).status_code == 404


async def test_seedance_bodies(rehearsal):
    route = ("laozhang", "seedance")
    seen = set()
    for number in range(20):
        answer = await rehearsal.order(route, f"ref=r{number} run=0")
        video = answer.json()
        seen.add("billed" if "billing_detail" in video else "unbilled")
        assert (video["status"], video["id"][:4]) == ("submitted", "cgt-")
        body = (await rehearsal.poll(route, video["id"])).json()
        [name] = {"video_url", "url"} & set(body)
        seen.add(name)
        assert (await rehearsal.client.get(body[name])).headers["content-type"] == "video/mp4"
        assert (await rehearsal.client.get(f"{VIDEOS}/{video['id']}/content", headers=KEY)).status_code == 404
    assert {"billed", "unbilled", "video_url", "url"} == seen


async def test_seedance_queues_after_it_was_submitted(rehearsal):
    route = ("laozhang", "seedance")
    external_id = await rehearsal.accepted(route, "ref=one run=10")
    said = []
    for _ in range(3):
        said.append((await rehearsal.poll(route, external_id)).json()["status"])
        rehearsal.clock.at += 1.5
    assert said == ["submitted", "queued", "in_progress"]


async def test_seedance_takes_its_words_from_the_content_too(rehearsal):
    content = [
        {"type": "text", "text": "a fox [rehearse ref=told run=0]"},
        {"type": "image_url", "image_url": {"url": "https://a.example/fox.png"}, "role": "reference_image"},
    ]
    body = {"model": "doubao-seedance-2-0-260128", "content": content}
    assert (await rehearsal.client.post(VIDEOS, json=body, headers=KEY)).status_code == 200
    assert (await rehearsal.record("laozhang", "told"))["submits"] == 1


@pytest.mark.parametrize("name", FORWARDS)
async def test_a_reason_may_be_an_object_or_a_sentence(rehearsal, name):
    route = ("laozhang", name)
    reasons = {}
    for outcome in ("generation_failed", "failed_in_words"):
        external_id = await rehearsal.accepted(route, f"ref={outcome} run=0 outcome={outcome}")
        reasons[outcome] = (await rehearsal.poll(route, external_id)).json()["error"]
    assert {
        "generation_failed": {"message": "generation failed"},
        "failed_in_words": "Content policy violation",
    } == reasons


async def test_legacy_takes_so_long_a_prompt_and_no_longer(rehearsal):
    body = {"prompt": "a" * 2000, "model": "veo3"}
    path = "/laozhang/veo/v1/api/video/submit"
    assert (await rehearsal.client.post(path, json=body, headers=KEY)).status_code == 200
    body["prompt"] += "a"
    assert (await rehearsal.client.post(path, json=body, headers=KEY)).json()["error_code"] == "INVALID_PROMPT"
