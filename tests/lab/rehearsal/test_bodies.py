"""The answers of each provider, field by field, from the order to the bytes."""

import pytest


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/laozhang/veo/v1/api/video/submit", 400, "INVALID_PROMPT"),
        ("/laozhang/v1/videos", 400, "invalid_request_error"),
        ("/runblob/v1/kling/o3-photo/generate", 422, "prompt is required"),
        ("/runblob/v1/gemini/generate", 422, "prompt is required"),
        ("/aihubmix/v1/videos", 400, "prompt_missing"),
        ("/eachlabs/v1/prediction", 400, "model field is required"),
    ],
)
@pytest.mark.parametrize("content", [b"{}", b"[1]", b"not JSON"])
async def test_an_order_without_a_prompt_is_refused_in_the_providers_words(rehearsal, path, status, words, content):
    headers = {"authorization": f"Bearer rehearsal-{path.split('/')[1]}"}
    answer = await rehearsal.client.post(path, content=content, headers=headers)
    assert (status, True) == (answer.status_code, words in answer.text)


async def test_eachlabs_wants_an_input(rehearsal):
    answer = await rehearsal.order(("eachlabs", "predictions"), input=None, model="flux")
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid input for model"})


async def test_laozhang_legacy_bodies(rehearsal):
    route = ("laozhang", "legacy")
    answer = await rehearsal.order(route, "ref=one run=10")
    task = answer.json()["data"]
    assert (answer.status_code, task["status"], task["message"]) == (200, "processing", "Task submitted successfully")
    assert task["taskId"].startswith("veo3-fast:")
    early = (await rehearsal.poll(route, task["taskId"])).json()["data"]
    assert early["progress"] == {"upstreamStatus": "image_downloading", "retryCount": 0, "maxRetries": 3}
    rehearsal.clock.at += 10
    late = (await rehearsal.poll(route, task["taskId"].replace(":", "%3A"))).json()
    assert late["success"] is True
    fetched = await rehearsal.client.get(late["data"]["result"]["video_url"])
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "video/mp4")


async def test_laozhang_refuses_unknown_models_and_forms_that_are_none(rehearsal):
    assert (await rehearsal.order(("laozhang", "legacy"), model="veo9")).json()["error_code"] == "INVALID_MODEL"
    answer = await rehearsal.order(("laozhang", "sora-forward"), model="sora-9")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    headers = {"authorization": "Bearer rehearsal-laozhang"}
    body = {"prompt": "a fox", "model": "veo-3.1-generate-preview"}
    assert (await rehearsal.client.post("/laozhang/v1/videos", json=body, headers=headers)).status_code == 400


async def test_laozhang_video_bytes_stand_behind_the_key(rehearsal):
    route = ("laozhang", "sora-forward")
    answer = await rehearsal.order(route, "ref=one run=10", prompt="ein Füchschen", seconds="8", size="1280x720")
    body = answer.json()
    assert tuple(body[name] for name in ("object", "model", "status", "progress", "size", "seconds")) == (
        "video",
        "sora-2",
        "queued",
        0,
        "1280x720",
        "8",
    )
    path = f"/laozhang/v1/videos/{body['id']}/content"
    headers = {"authorization": "Bearer rehearsal-laozhang"}
    assert (await rehearsal.client.get(path, headers=headers)).status_code == 404
    rehearsal.clock.at += 5
    assert (await rehearsal.poll(route, body["id"])).json()["progress"] == 50
    rehearsal.clock.at += 5
    assert (await rehearsal.client.get(path)).status_code == 401
    fetched = await rehearsal.client.get(path, headers=headers)
    assert (fetched.headers["content-type"], fetched.content[4:8]) == ("video/mp4", b"ftyp")
    [url] = (await rehearsal.record("laozhang"))["outputs"]
    assert url.endswith(path)


async def test_runblob_bodies(rehearsal):
    answer = await rehearsal.order(("runblob", "kling/o3-photo"))
    assert (answer.status_code, answer.json()["status"], answer.json()["price"]) == (201, "pending", "0.0500")
    body = (await rehearsal.poll(("runblob", "kling/o3-photo"), answer.json()["generation_id"])).json()
    assert {"generation_id", "status", "prompt", "image_url", "model"} == set(body)
    assert (await rehearsal.client.get(body["image_url"])).status_code == 200
    answer = await rehearsal.order(("runblob", "gemini"), "ref=two run=0")
    body = (await rehearsal.poll(("runblob", "gemini"), answer.json()["task_uuid"])).json()
    assert {"task_uuid", "status", "prompt", "result_image_url", "message"} == set(body)
    assert (await rehearsal.poll(("runblob", "kling/o3-photo"), body["task_uuid"])).status_code == 404


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"prompt": ""}, "Validation error: prompt is required"),
        ({"img_resolution": "8k"}, "Invalid resolution. Must be 1k, 2k, or 4k"),
        ({"images_url": ["https://a.example/b.png"] * 11}, "Maximum 10 images allowed (URLs + base64 combined)"),
        (
            {"images_url": ["https://a.example/b.png"], "images_base64": ["data:image/png;base64,AA=="]},
            "Cannot mix images_url and images_base64 in one request",
        ),
    ],
)
async def test_runblob_refuses_what_its_page_refuses(rehearsal, more, detail):
    body = {"prompt": "a fox"} | more
    headers = {"authorization": "Bearer rehearsal-runblob"}
    answer = await rehearsal.client.post("/runblob/v1/kling/o3-photo/generate", json=body, headers=headers)
    assert detail == answer.json()["detail"]
    assert answer.status_code in {400, 422}


async def test_runblob_says_what_is_wrong_with_a_key(rehearsal):
    said = set()
    for headers in ({}, {"authorization": "Token x"}, {"authorization": "Bearer x"}):
        answer = await rehearsal.client.get("/runblob/v1/gemini/generations/x", headers=headers)
        said.add(answer.json()["message"])
    assert {
        "Authorization header required",
        "Invalid authorization format. Use: Bearer YOUR_API_KEY",
        "Invalid API key",
    } == said


async def test_aihubmix_films_stand_in_three_places(rehearsal):
    route = ("aihubmix", "videos")
    headers = {"authorization": "Bearer rehearsal-aihubmix"}
    seen = set()
    for number in range(20):
        external_id = await rehearsal.accepted(route, f"ref=r{number} run=0")
        assert len(external_id) > 100
        body = (await rehearsal.poll(route, external_id)).json()
        seen |= {name for name in ("video_url", "url") if name in body} or {"content"}
        if "url" in body:
            assert body["url"].startswith("http://localhost:")
            assert (await rehearsal.client.get(body["url"])).status_code == 200
        path = f"/aihubmix/v1/videos/{external_id}/content"
        assert path in body.get("video_url", path)
        assert (await rehearsal.client.get(path)).status_code == 401
        assert (await rehearsal.client.get(path, headers=headers)).status_code == 200
    assert {"video_url", "url", "content"} == seen


async def test_aihubmix_other_models_answer_in_the_openai_shape(rehearsal):
    answer = await rehearsal.order(("aihubmix", "videos"), model="sora-2", input={"prompt": "unread"})
    assert tuple(answer.json()[name] for name in ("status", "progress", "model")) == ("queued", 0, "sora-2")


async def test_aihubmix_errors_carry_a_tid(rehearsal):
    answer = await rehearsal.order(("aihubmix", "videos"), "ref=one outcome=ip_not_allowed")
    assert "key(hubmix) allowed only from approved IP ranges. (tid: " in answer.json()["error"]["message"]
    answer = await rehearsal.order(("aihubmix", "videos"), "ref=two outcome=too_many_requests")
    assert "The wan2.6-t2v model Too many requests" in answer.json()["error"]["message"]


async def test_aihubmix_deletes(rehearsal):
    route = ("aihubmix", "videos")
    external_id = await rehearsal.accepted(route)
    headers = {"authorization": "Bearer rehearsal-aihubmix"}
    path = f"/aihubmix/v1/videos/{external_id}"
    assert (await rehearsal.client.delete(path)).status_code == 401
    assert (await rehearsal.client.delete(path, headers=headers)).json()["deleted"] is True
    assert (await rehearsal.client.delete(path, headers=headers)).status_code == 404
    assert (await rehearsal.poll(route, external_id)).status_code == 404


async def test_eachlabs_bodies(rehearsal):
    route = ("eachlabs", "predictions")
    answer = await rehearsal.order(route)
    body = answer.json()
    assert (body["status"], body["message"]) == ("success", "Prediction created successfully")
    prediction = (await rehearsal.poll(route, body["predictionID"])).json()
    assert {"id", "input", "status", "output", "logs", "metrics", "urls"} == set(prediction)
    assert prediction["urls"]["cancel"] == prediction["urls"]["get"] + "/cancel"
    assert prediction["metrics"]["cost"] == 0.05


async def test_eachlabs_outputs_have_three_shapes(rehearsal):
    route = ("eachlabs", "predictions")
    shapes = set()
    for number in range(20):
        external_id = await rehearsal.accepted(route, f"ref=r{number} run=0", model="kling-v2")
        output = (await rehearsal.poll(route, external_id)).json()["output"]
        assert ".mp4" in str(output)
        shapes.add(type(output))
    assert {str, list, dict} == shapes


async def test_eachlabs_cancels_what_runs_and_leaves_what_has_ended(rehearsal, receiver):
    route = ("eachlabs", "predictions")
    headers = {"authorization": "Bearer rehearsal-eachlabs"}
    runs = await rehearsal.accepted(route, "ref=one run=0.02", callback=receiver.url)
    ended = await rehearsal.accepted(route, "ref=two run=0", callback=receiver.url)
    said = {}
    for external_id in (runs, ended):
        answer = await rehearsal.client.post(f"/eachlabs/v1/prediction/{external_id}/cancel", headers=headers)
        said[external_id] = answer.json()["status"]
    assert {runs: "cancelled", ended: "success"} == said
    rehearsal.clock.at += 20
    assert (await rehearsal.poll(route, runs)).json()["status"] == "cancelled"
    assert (await rehearsal.poll(route, ended)).json()["status"] == "success"
    assert (await rehearsal.record("eachlabs", "one"))["outcome"] == "canceled"
    assert (await rehearsal.client.post("/rehearsal/webhooks/eachlabs/one")).status_code == 409
    assert (await rehearsal.client.post("/eachlabs/v1/prediction/nobody/cancel", headers=headers)).status_code == 404
    assert (await rehearsal.client.post(f"/eachlabs/v1/prediction/{ended}/cancel")).status_code == 401
    await receiver.until(1)


async def test_vtrix_flat_bodies(rehearsal):
    route = ("vtrix", "flat")
    external_id = await rehearsal.accepted(route, "ref=one run=10")
    rehearsal.clock.at += 4.5
    assert (await rehearsal.poll(route, external_id)).json()["progress"] == 0.45
    rehearsal.clock.at += 6
    body = (await rehearsal.poll(route, external_id)).json()
    assert [item["type"] for item in body["output"][0]["content"]] == ["image", "image"]
    assert body["usage"] == {"cost": "0.06", "discount": 1, "image_count": 2}
    assert body == (await rehearsal.poll(("vtrix", "enveloped"), external_id)).json()


async def test_vtrix_enveloped_bodies(rehearsal):
    route = ("vtrix", "enveloped")
    answer = await rehearsal.order(route)
    envelope = answer.json()
    assert (envelope["status"], envelope["data"]["status"]) == ({"code": 200, "message": "success"}, "in_queue")
    external_id = envelope["data"]["id"]
    body = (await rehearsal.poll(route, external_id)).json()
    assert [item["type"] for item in body["data"]["output"]] == ["image", "image"]
    assert body == (await rehearsal.poll(("vtrix", "flat"), external_id)).json()


async def test_vtrix_takes_other_models_unchecked(rehearsal):
    headers = {"authorization": "Bearer rehearsal-vtrix"}
    for model_input in ({"prompt": "a fox"}, [{"params": {"prompt": "a fox"}}]):
        body = {"model": "ultra_i2v_pro", "input": model_input}
        answer = await rehearsal.client.post("/vtrix/model/v1/generation", json=body, headers=headers)
        assert answer.status_code == 200
    jobs = (await rehearsal.client.get("/rehearsal/record")).json()["jobs"]
    assert [job["submits"] for job in jobs] == [2]
