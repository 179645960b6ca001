"""The record, which says what truly happened, whatever the wire said."""

from arrivals.lab.rehearsal.state import TEMPO, RehearsalState

ROUTE = ("vtrix", "flat")
NO_WEBHOOKS = {
    "sent": 0,
    "answered_2xx": 0,
    "refused_4xx": 0,
    "lost": False,
    "answers": {},
    "forged_sent": 0,
    "forged_refused": 0,
    "huge_refused": 0,
}


async def test_an_order_has_one_entry(rehearsal):
    external_id = await rehearsal.accepted(ROUTE, "ref=one run=10")
    accepted_at = rehearsal.clock.at
    expected = {
        "provider": "vtrix",
        "route": "flat",
        "ref": "one",
        "external_id": external_id,
        "submits": 1,
        "refused": 0,
        "accepted_at": accepted_at,
        "ends_at": accepted_at + 10,
        "outcome": "running",
        "code": None,
        "outputs": [],
        "has_output": False,
        "refused_with": None,
        "answer_cut": False,
        "polls": 0,
        "webhooks": NO_WEBHOOKS,
    }
    assert expected == await rehearsal.record("vtrix")
    whole = (await rehearsal.client.get("/rehearsal/record")).json()
    assert {"jobs": [expected], "keys_leaked": 0, "unknown_paths": []} == whole
    rehearsal.clock.at += 10
    assert len((await rehearsal.record("vtrix"))["outputs"]) == 2


async def test_a_double_submission_shows(rehearsal):
    first = await rehearsal.accepted(ROUTE)
    second = await rehearsal.accepted(ROUTE)
    await rehearsal.poll(ROUTE, first)
    entry = await rehearsal.record("vtrix")
    assert (2, second, 1) == (entry["submits"], entry["external_id"], entry["polls"])


async def test_what_is_forgotten_is_told_once_more_and_known_to_nobody(rehearsal):
    external_id = await rehearsal.accepted(ROUTE, "ref=one")
    await rehearsal.accepted(ROUTE, "ref=two")
    last = await rehearsal.record("vtrix", "one")
    forget = {"orders": [["vtrix", "one"], ["vtrix", "never"]]}

    replies = [(await rehearsal.client.post("/rehearsal/record/forget", json=forget)).json() for _ in range(2)]

    assert [{"jobs": [last]}, {"jobs": []}] == replies
    assert ["two"] == [job["ref"] for job in (await rehearsal.client.get("/rehearsal/record")).json()["jobs"]]
    assert 404 == (await rehearsal.poll(ROUTE, external_id)).status_code


async def test_the_same_ref_of_two_providers_is_two_orders(rehearsal):
    await rehearsal.accepted(ROUTE)
    await rehearsal.accepted(("aihubmix", "videos"))
    assert len((await rehearsal.client.get("/rehearsal/record")).json()["jobs"]) == 2


async def test_an_order_without_a_directive_is_named_by_its_prompt(rehearsal):
    headers = {"authorization": "Bearer rehearsal-runblob"}
    for _ in range(2):
        await rehearsal.client.post("/runblob/v1/gemini/generate", json={"prompt": "a fox"}, headers=headers)
    [entry] = (await rehearsal.client.get("/rehearsal/record")).json()["jobs"]
    assert (entry["submits"], len(entry["ref"])) == (2, 12)


async def test_an_unknown_order_is_not_found(rehearsal):
    assert (await rehearsal.client.get("/rehearsal/record/vtrix/nobody")).status_code == 404


async def test_a_wrong_key_is_written_down(rehearsal):
    await rehearsal.order(ROUTE, key="Bearer wrong")
    entry = await rehearsal.record("vtrix")
    assert (entry["submits"], entry["refused"], entry["refused_with"]) == (0, 1, {"http_status": 401, "code": None})


def dealt(seed, ref):
    """The first two throws of the dice under this ref."""
    rng = (
        RehearsalState(origin="", cdn_origin="", seed=seed, tempo=TEMPO, now=lambda: 0.0)
        .order("vtrix", "flat", ref)
        .rng
    )
    return [rng.random(), rng.random()]


def test_the_same_seed_throws_the_same_dice():
    assert dealt(1, "one") == dealt(1, "one")
    assert dealt(1, "one") != dealt(2, "one")
    assert dealt(1, "one") != dealt(1, "two")


async def test_two_jobs_of_one_ref_have_two_ids(rehearsal):
    assert await rehearsal.accepted(ROUTE, "ref=same") != await rehearsal.accepted(ROUTE, "ref=same")
