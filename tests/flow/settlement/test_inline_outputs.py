"""Outputs that came inside an answer: their bytes are kept, and everybody gets a URL of ours."""

import base64
from dataclasses import replace
import json

from msgspec import structs
import pytest

from arrivals.core.generation import Origin, Output, Status
from arrivals.core.observation import Finding, Observation, Reading
from arrivals.core.wire import from_json
from arrivals.flow.settlement.settle import settle
from arrivals.flow.submission.order import stored
from arrivals.store import events, generations, observations, outputs
from arrivals.store.outputs import InlineOutput
from tests.conftest import PUBLIC_URL, run_worker
from tests.support.streams import SENSE

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
INLINE = base64.b64encode(PNG).decode()
PAINTED = {"created": 1, "data": [{"b64_json": INLINE, "revised_prompt": "a fox"}]}
PICTURE = {"provider": "aihubmix", "model": "gpt-image-1", "input": {"prompt": "a red fox"}}


@pytest.fixture
def painted(context, upstream, ordered):
    """Orders a picture, which is in the answer; returns the generation afterwards."""

    async def submit(answer=PAINTED, *, over=context, **changed):
        generation_id = await ordered(**{**PICTURE, **changed})
        upstream.answers.append((200, answer))
        assert await run_worker(over, "submit") == 1
        return await stored(context, generation_id)

    return submit


async def kept(context, generation, number=0):
    async with context.store.reading() as tx:
        return await outputs.kept(tx, generation.id, number)


def heard(context, generation, *urls):
    made = tuple(Output(kind="image", url=url) for url in urls)
    return Observation(
        generation_id=generation.id,
        origin=Origin.POLL,
        at=context.now(),
        reading=Reading(status=Status.COMPLETED, outputs=made),
    )


async def test_the_bytes_are_kept_and_the_output_is_a_url_of_ours(context, painted):
    generation = await painted()

    assert (Status.COMPLETED, "submit") == (generation.status, generation.learned_from)
    url = f"{PUBLIC_URL}/v1/generations/{generation.id}/outputs/0"
    assert (Output(kind="image", url=url, content_type="image/png", requires_auth=True),) == generation.outputs
    assert InlineOutput(content_type="image/png", content=PNG) == await kept(context, generation)


async def test_without_a_public_url_the_output_is_a_path_of_ours(context, painted):
    alone = replace(context, callback_urls=replace(context.callback_urls, public_url=None))

    generation = await painted(over=alone)

    assert [f"/v1/generations/{generation.id}/outputs/0"] == [output.url for output in generation.outputs]


async def test_the_event_tells_our_url_and_no_row_holds_the_bytes(context, painted):
    generation = await painted()

    async with context.store.reading() as tx:
        (event,) = await events.events_of(tx, generation.id)
        (row,) = await observations.observations_of(tx, generation.id)
        (stored_row,) = await tx.fetch(generations.SQL["generation_by_id"], id=generation.id)
    (output,) = json.loads(event.body)["data"]["generation"]["outputs"]
    assert (generation.outputs[0].url, "image/png", True) == (
        output["url"], output["content_type"], output["requires_auth"],
    )  # fmt: skip
    assert INLINE[:20] not in event.body + str(row) + str(stored_row)
    assert 1 == from_json(row["reading"])["outputs"]


async def test_several_outputs_are_kept_by_their_number(context, painted):
    jpeg = b"\xff\xd8\xff another"
    elsewhere = "https://storage.example.com/2.png"
    data = [{"b64_json": INLINE}, {"url": elsewhere}, {"b64_json": base64.b64encode(jpeg).decode()}]

    generation = await painted({"created": 1, "data": data})

    ours = f"{PUBLIC_URL}/v1/generations/{generation.id}/outputs/"
    assert [f"{ours}0", elsewhere, f"{ours}2"] == [output.url for output in generation.outputs]
    assert [True, False, True] == [output.requires_auth for output in generation.outputs]
    assert ["image/png", None, "image/jpeg"] == [
        output and output.content_type for output in [await kept(context, generation, number) for number in range(3)]
    ]


async def test_what_nobody_recognizes_is_kept_as_a_file(context, painted):
    generation = await painted({"data": [{"b64_json": base64.b64encode(b"no picture").decode()}]})

    assert ("file", "application/octet-stream") == (
        generation.outputs[0].kind, generation.outputs[0].content_type,
    )  # fmt: skip
    assert b"no picture" == (await kept(context, generation)).content


async def test_an_answer_in_words_is_kept_as_text(context, painted):
    answer = {"task_id": "t-1", "choices": [{"message": {"content": "Füchse sind rot."}}]}

    generation = await painted(answer, **{**SENSE, "input": {"prompt": "why red?", "stream": False}})

    assert ("text", "text/plain;charset=utf-8") == (generation.outputs[0].kind, generation.outputs[0].content_type)
    assert "Füchse sind rot." == (await kept(context, generation)).content.decode()


async def test_what_is_said_again_does_not_exchange_what_was_announced(context, painted):
    """The bytes that the event refers to stay."""
    generation = await painted()
    other = base64.b64encode(b"something else").decode()

    findings = await settle(context, [heard(context, generation, f"data:image/png;base64,{other}")])

    assert [Finding.REPEATED] == findings
    assert PNG == (await kept(context, generation)).content
    assert generation.outputs == (await stored(context, generation.id)).outputs


async def test_nothing_is_kept_where_nothing_could_be_settled(context, painted, monkeypatch):
    """The bytes are kept in the transaction of the observation that brought them."""
    generation = await painted({"data": [{"url": "https://storage.example.com/1.png"}]})

    async def broken(tx, rows):
        raise OSError("no space left")

    monkeypatch.setattr(observations, "insert", broken)
    with pytest.raises(OSError, match="no space"):
        await settle(context, [heard(context, generation, f"data:image/png;base64,{INLINE}")])

    assert await kept(context, generation) is None


NOT_TAKEN = {
    "a hint": {"believed": False},
    "another's": {"origin": Origin.WEBHOOK, "reading": {"external_id": "el-2"}},
    "a word nobody knows": {"believed": False, "reading": {"status": None}},
}


@pytest.mark.parametrize("said", NOT_TAKEN.values(), ids=NOT_TAKEN)
async def test_nothing_is_kept_of_what_the_verdict_did_not_take(context, submitted, said):
    generation = await stored(context, await submitted())
    word = heard(context, generation, f"data:image/png;base64,{INLINE}")
    reading = structs.replace(word.reading, **said.get("reading", {}))

    await settle(context, [structs.replace(word, **{**said, "reading": reading})])

    assert await kept(context, generation) is None
    assert () == (await stored(context, generation.id)).outputs


async def test_a_closed_generation_keeps_the_bytes_it_was_closed_with(context, painted):
    """An unsigned webhook may say anything."""
    generation = await painted()
    other = base64.b64encode(b"PLANTED").decode()
    word = heard(context, generation, f"data:image/png;base64,{other}")

    for origin, changes in ((Origin.POLL, {}), (Origin.WEBHOOK, {"external_id": "other"}), (Origin.WEBHOOK, {})):
        observation = structs.replace(
            word, origin=origin, believed=False, reading=structs.replace(word.reading, **changes)
        )
        await settle(context, [observation])

    assert PNG == (await kept(context, generation)).content


@pytest.mark.parametrize(
    ("url", "content_type", "content"),
    [
        ("data:,a%20red%20fox", "text/plain;charset=us-ascii", b"a red fox"),
        ("data:text/plain;charset=utf-8,%E2%98%82", "text/plain;charset=utf-8", b"\xe2\x98\x82"),
        ("data:;base64,Zm94", "text/plain;charset=us-ascii", b"fox"),
        ("data:image/png;base64,Zm9%34", "image/png", b"fox"),
    ],
    ids=["bare", "percent", "base64 without a type", "both"],
)
async def test_every_form_of_a_data_uri_is_kept_as_what_it_says(context, submitted, url, content_type, content):
    generation = await stored(context, await submitted())

    await settle(context, [heard(context, generation, url)])

    assert InlineOutput(content_type=content_type, content=content) == await kept(context, generation)
    assert content_type == (await stored(context, generation.id)).outputs[0].content_type


async def test_a_media_type_that_no_header_can_hold_is_not_kept(context, submitted):
    generation = await stored(context, await submitted())

    await settle(context, [heard(context, generation, "data:text/html\r\nx-evil: 1;base64,Zm94")])

    assert InlineOutput(content_type="application/octet-stream", content=b"fox") == await kept(context, generation)


async def test_a_malformed_data_uri_is_kept_as_it_was_told(context, submitted):
    """The other outputs keep their bytes; once such a URI made its observation fail forever."""
    generation = await stored(context, await submitted())

    await settle(context, [heard(context, generation, "data:image/png;base64,Zm9*", "data:image/png;base64,Zm94")])

    generation = await stored(context, generation.id)
    ours = f"{PUBLIC_URL}/v1/generations/{generation.id}/outputs/"
    assert [("text", f"{ours}0"), ("image", f"{ours}1")] == [(output.kind, output.url) for output in generation.outputs]
    assert b"data:image/png;base64,Zm9*" == (await kept(context, generation)).content
    assert b"fox" == (await kept(context, generation, 1)).content
    async with context.store.reading() as tx:
        row = (await observations.observations_of(tx, generation.id))[-1]
    assert ["output 0 is not a data URI: it is kept as text"] == from_json(row["reading"])["notes"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd"])
async def test_a_completion_without_any_place_of_bytes_lacks_its_output(context, submitted, url):
    """It waits for a better observation; no caller is ever told to open such a URL."""
    generation = await stored(context, await submitted())
    said = heard(context, generation, url)

    findings = await settle(context, [structs.replace(said, hold_until=context.now() + 1_000_000)])

    held = await stored(context, generation.id)
    assert ([Finding.HELD], Status.SUBMITTED, Status.COMPLETED, ()) == (
        findings, held.status, held.held.status, held.outputs,
    )  # fmt: skip


async def test_an_output_whose_url_is_too_long_is_dropped_and_said(context, ordered):
    generation = await stored(context, await ordered(**PICTURE))
    await settle(
        context, [heard(context, generation, "https://cdn.example/1", "https://cdn.example/".ljust(9000, "x"))]
    )

    assert ["https://cdn.example/1"] == [output.url for output in (await stored(context, generation.id)).outputs]
    async with context.store.reading() as tx:
        (row,) = await observations.observations_of(tx, generation.id)
    assert ["output 1 was dropped: its URL has 9000 characters"] == from_json(row["reading"])["notes"]
