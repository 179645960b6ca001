"""RunBlob's families, and the older Veo host: each with its own names for the same things."""

import json

import pytest

from tests.lab.rehearsal.conftest import FAMILIES

KEY = {"authorization": "Bearer rehearsal-runblob"}
LEGACY = ("runblob", "legacy/veo")
# What a poll's answer and a webhook hold, written out once more by hand.
POLLED = {
    "kling/o3-photo": "generation_id status prompt image_url model",
    "gemini": "task_uuid status prompt result_image_url message",
    "kling/o1-photo": "generation_id status prompt image_url model message",
    "kling/o1-video": "generation_id status prompt video_url model",
    "kling/o3-video": "generation_id status prompt video_url model message",
    "kling": "generation_id status prompt video_url model error",
    "veo": "generation_id status prompt video_url created_at completed_at seed error",
    "sora": """generation_id status prompt video_url created_at completed_at progress_pct progress_pos_in_queue
        error_message""",
    "chatgpt-images": "task_uuid status prompt result_image_url message",
    "seedance": "task_uuid model status output error",
}
CALLED = {
    "kling/o3-photo": "generation_id status image_url model message",
    "gemini": "task_uuid status result_image_url message",
    "kling/o1-photo": "generation_id status image_url model message",
    "kling/o1-video": "generation_id status video_url model message",
    "kling/o3-video": "generation_id status video_url model message",
    "kling": "generation_id status video_url completed_at",
    "veo": POLLED["veo"],
    "sora": "generation_id status prompt video_url created_at completed_at error_message",
    "chatgpt-images": POLLED["chatgpt-images"],
    "seedance": POLLED["seedance"],
}


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_family_says_what_its_page_shows(rehearsal, receiver, name):
    route, (identity, output) = ("runblob", name), FAMILIES[name]
    answer = await rehearsal.order(route, callback=receiver.url)
    generation = answer.json()
    assert (answer.status_code, generation["status"], "price" in generation) == (201, "pending", name != "seedance")
    body = (await rehearsal.poll(route, generation[identity])).json()
    assert set(POLLED[name].split()) == set(body)
    called = json.loads((await receiver.until(1))[0][2])
    assert set(CALLED[name].split()) == set(called)
    assert (called[identity], called["status"], called[output]) == (generation[identity], "completed", body[output])
    for url in (await rehearsal.record("runblob"))["outputs"]:
        assert (await rehearsal.client.get(url)).status_code == 200


@pytest.mark.parametrize("name", FAMILIES)
async def test_another_familys_job_is_not_found(rehearsal, name):
    identity = await rehearsal.accepted(("runblob", name))
    for other in FAMILIES:
        status = (await rehearsal.poll(("runblob", other), identity)).status_code
        assert status == (200 if other == name else 404)
    answer = await rehearsal.poll(("runblob", name), "nobody")
    nothing = "Task not found" if FAMILIES[name][0] == "task_uuid" else "Generation not found"
    assert answer.json() == {"detail": nothing}


@pytest.mark.parametrize(("name", "tries"), [(name, 4 if name == "gemini" else 5) for name in [*FAMILIES, LEGACY[1]]])
async def test_a_webhook_is_tried_as_often_as_the_page_says(rehearsal, receiver, name, tries):
    receiver.answers = [500] * 9
    await rehearsal.accepted(("runblob", name), callback=receiver.url)
    await rehearsal.recorded("runblob", sent=tries, answered_2xx=0)


async def test_kling_may_not_know_its_price_yet(rehearsal):
    answers = [(await rehearsal.order(("runblob", "kling"), f"ref=r{number} run=0")).json() for number in range(20)]
    assert {"0.2900", "calculating"} == {generation["price"] for generation in answers}


async def test_klings_reason_is_text_or_an_object_and_not_in_the_webhook(rehearsal, receiver):
    route = ("runblob", "kling")
    reasons = []
    for number in range(12):
        words = f"ref=r{number} run=0 outcome=UNSAFE_CONTENT"
        external_id = await rehearsal.accepted(route, words, callback=receiver.url)
        reasons.append((await rehearsal.poll(route, external_id)).json()["error"])
    assert "UNSAFE_CONTENT" in reasons
    assert {"message": "UNSAFE_CONTENT"} in reasons
    assert not [body for _, _, body in await receiver.until(12) if b"UNSAFE_CONTENT" in body]


async def test_kling_26_says_why_in_its_webhook(rehearsal, receiver):
    words = "ref=one run=0 outcome=TIMEOUT"
    await rehearsal.accepted(("runblob", "kling"), words, callback=receiver.url, model="kling_2.6")
    webhook = json.loads((await receiver.until(1))[0][2])
    assert (webhook["status"], webhook["message"]) == ("failed", "TIMEOUT")


@pytest.mark.parametrize(
    ("name", "field", "said"),
    [
        ("veo", "error", {"message": "GOOGLE_DECLINED"}),
        ("sora", "error_message", "GOOGLE_DECLINED"),
        ("chatgpt-images", "message", "GOOGLE_DECLINED"),
        ("kling/o3-video", "message", "GOOGLE_DECLINED"),
        ("seedance", "error", {"code": "GOOGLE_DECLINED", "message": "Generation failed: GOOGLE_DECLINED"}),
    ],
)
async def test_a_family_has_its_own_place_for_the_reason(rehearsal, receiver, name, field, said):
    route = ("runblob", name)
    external_id = await rehearsal.accepted(route, "ref=one run=0 outcome=GOOGLE_DECLINED", callback=receiver.url)
    assert said == (await rehearsal.poll(route, external_id)).json()[field]
    assert said == json.loads((await receiver.until(1))[0][2])[field]


async def test_sora_tells_its_place_and_then_its_progress(rehearsal):
    route = ("runblob", "sora")
    external_id = await rehearsal.accepted(route, "ref=one run=10")
    said = []
    for _ in range(3):
        answer = await rehearsal.client.get(f"/runblob/v1/sora/generations/{external_id}/", headers=KEY)
        body = answer.json()
        said.append((body["progress_pct"], body["progress_pos_in_queue"], body["completed_at"]))
        rehearsal.clock.at += 5
    assert said == [(None, 6, None), (50, None, None), (None, None, "2026-09-21T14:13:30.000000")]


async def test_soras_reason_may_be_a_sentence(rehearsal):
    route = ("runblob", "sora")
    external_id = await rehearsal.accepted(route, "ref=one run=0 outcome=photorealistic_people")
    reason = (await rehearsal.poll(route, external_id)).json()["error_message"]
    assert reason == "Image contains photorealistic people. Please try with a different image."
    assert (await rehearsal.record("runblob"))["code"] is None


async def test_seedance_lists_films_and_may_add_a_last_frame(rehearsal):
    route = ("runblob", "seedance")
    frames = set()
    for number in range(20):
        external_id = await rehearsal.accepted(route, f"ref=r{number} run=0")
        output = (await rehearsal.poll(route, external_id)).json()["output"]
        [film] = output["video_urls"]
        frame = output["last_frame_url"]
        outputs = (await rehearsal.record("runblob", f"r{number}"))["outputs"]
        assert [film, *filter(None, [frame])] == outputs
        frames.add(frame is None)
    assert {True, False} == frames


async def test_a_photo_of_o1_is_named_as_one(rehearsal):
    assert (await rehearsal.accepted(("runblob", "kling/o1-photo"))).startswith("photo-")


async def test_the_model_is_spelled_in_two_ways(rehearsal, receiver):
    route = ("runblob", "kling/o3-video")
    external_id = await rehearsal.accepted(route, callback=receiver.url, model="kling_o3_pro")
    assert (await rehearsal.poll(route, external_id)).json()["model"] == "kling_o3_pro"
    assert json.loads((await receiver.until(1))[0][2])["model"] == "kling-o3-video-10s-pro"


async def test_the_older_host(rehearsal, receiver):
    answer = await rehearsal.order(LEGACY, "ref=one run=0.02", callback=receiver.url)
    task = answer.json()
    expected = {"status": "pending", "task_id": task["task_id"], "message": "Task is pending", "video_url": None}
    assert (answer.status_code, task) == (200, expected)
    rehearsal.clock.at += 1
    done = (await rehearsal.poll(LEGACY, task["task_id"])).json()
    assert (done["status"], done["message"]) == ("completed", "Task completed successfully")
    called = json.loads((await receiver.until(1))[0][2])
    assert {"success": True} | {name: done[name] for name in ("message", "task_id", "video_url")} == called


async def test_the_older_host_says_why_it_failed(rehearsal, receiver):
    external_id = await rehearsal.accepted(LEGACY, "ref=one run=0 outcome=UNSAFE_CONTENT", callback=receiver.url)
    assert (await rehearsal.poll(LEGACY, external_id)).json()["message"] == "UNSAFE_CONTENT"
    expected = {"success": False, "message": "UNSAFE_CONTENT", "task_id": external_id, "video_url": None}
    assert expected == json.loads((await receiver.until(1))[0][2])


LINKS = ["https://a.example/b.png"]
REFUSED = [
    ("kling/o3-photo", {"prompt": "x" * 2501}, 422, "at most 2500 characters"),
    ("kling/o3-photo", {"images_url": "https://a.example/b.png"}, 422, "images_url"),
    ("kling/o3-photo", {"images_base64": LINKS * 11}, 400, "Maximum 10 images allowed"),
    ("kling/o3-photo", {"aspect_ratio": "5:4"}, 422, "aspect_ratio"),
    ("kling/o3-photo", {"prefer_multi_shots": "yes"}, 422, "valid boolean"),
    ("kling/o3-photo", {"callback_url": 7}, 422, "callback_url"),
    ("kling/o1-photo", {"images_url": LINKS, "images_base64": LINKS}, 400, "Cannot mix"),
    ("kling/o3-video", {"images_url": LINKS, "images_base64": LINKS}, 400, "Cannot provide both images_base64"),
    ("kling/o3-video", {"duration": 7}, 400, "Duration must be 5, 10, or 15 seconds"),
    ("kling/o3-video", {"model": "kling_o4"}, 400, "Model must be 'kling_o3' or 'kling_o3_pro'"),
    ("kling", {"image_url": "a", "image_base64": "b"}, 400, "Cannot provide both image_base64 and image_url"),
    ("sora", {"image_url": "a", "image_base64": "b"}, 400, "Cannot provide both image_base64 and image_url"),
    ("sora", {"prompt": "x" * 4001}, 422, "at most 4000 characters"),
    ("sora", {"orientation": "1:1"}, 422, "orientation"),
    ("sora", {"duration": 12}, 422, "duration"),
    ("sora", {"duration": "10"}, 422, "duration"),
    ("gemini", {"temperature": 1.5}, 422, "a number from 0 to 1"),
    ("gemini", {"temperature": True}, 422, "temperature"),
    ("gemini", {"quality": "8k"}, 422, "quality"),
    ("gemini", {"images": LINKS * 9}, 422, "at most 8 items"),
    ("gemini", {"images": LINKS * 5, "model": "standard"}, 422, "at most 4 items"),
]


@pytest.mark.parametrize(("name", "more", "status", "words"), REFUSED)
async def test_what_a_page_forbids_is_refused(rehearsal, name, more, status, words):
    answer = await rehearsal.order(("runblob", name), **more)
    assert (status, True) == (answer.status_code, words in answer.text)


@pytest.mark.parametrize("name", [*FAMILIES, LEGACY[1]])
async def test_an_order_without_a_prompt_is_refused(rehearsal, name):
    path = "/runblob/api/veo/generate" if name == LEGACY[1] else f"/runblob/v1/{name}/generate"
    answer = await rehearsal.client.post(path, json={}, headers=KEY)
    assert (answer.status_code, answer.json()) == (422, {"detail": "Validation error: prompt is required"})


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("kling/o3-photo", {"img_resolution": "1k", "aspect_ratio": "21:9", "images_url": LINKS * 10}),
        ("kling/o3-video", {"duration": "5", "model": "kling_o3_pro", "images_url": LINKS}),
        ("sora", {"duration": 15, "orientation": "9:16", "image_url": "https://a.example/b.png"}),
        ("gemini", {"model": "pro", "quality": "4k", "temperature": 0.5, "images": LINKS}),
        ("seedance", {"model": "seedance-2.0-mini", "duration": 5}),
    ],
)
async def test_what_a_page_allows_is_taken(rehearsal, name, more):
    assert (await rehearsal.order(("runblob", name), **more)).status_code == 201
