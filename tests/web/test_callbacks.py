import base64
import json
from urllib.parse import quote

import httpx
import pytest
from structlog.testing import capture_logs

from arrivals.store import observations
from tests.conftest import PUBLIC_URL, WEBHOOK_SECRET, run_worker

SUCCEEDED = {
    "exec_id": "el-1",
    "status": "succeeded",
    "output": {"url": "https://storage.example.com/1.jpg"},
    "error": "",
}
SECRET = {"x-webhook-secret": WEBHOOK_SECRET}


@pytest.fixture(params=["fast", "plain"])
def way(request):
    """Each way in turn: a provider sees no difference."""
    return request.param


@pytest.fixture
async def path(context, upstream, ordered):
    """The callback path of a submitted generation, as the provider was given it."""
    await ordered()
    upstream.answers.append((200, {"status": "success", "predictionID": "el-1"}))
    await run_worker(context, "submit")
    return upstream.requests[0].json["webhook_url"].removeprefix(PUBLIC_URL)


@pytest.fixture
async def provider(base_url):
    """A provider's client: it has no API key of ours."""
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False) as session:
        yield session


async def test_a_webhook_is_stored_then_answered_exactly_200(client, provider, path):
    answer = await provider.post(path, json=SUCCEEDED, headers=SECRET)

    assert (200, b"") == (answer.status_code, answer.content)
    (stored,) = (await client.get("/v1/webhooks")).json()["data"]
    assert ("secret", None) == (stored["verified_by"], stored["finding"])


async def test_a_webhook_that_nobody_vouches_for_is_401_and_quarantined(client, provider, path):
    answer = await provider.post(path, json=SUCCEEDED, headers={"x-webhook-secret": "guess"})

    assert (401, "unverified") == (answer.status_code, answer.json()["code"])
    (kept,) = (await client.get("/v1/webhooks?verified=false")).json()["data"]
    assert kept["quarantined_at"] is not None
    shown = (await client.get(f"/v1/webhooks/{kept['id']}")).json()
    assert ("********", SUCCEEDED) == (shown["headers"]["x-webhook-secret"], json.loads(shown["body"]))


REPEATS = {
    "plain": str,
    "JSON": lambda text: text.replace("/", "\\/"),
    "percent": lambda text: quote(text, safe=""),
    "numbers": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
}


@pytest.mark.parametrize("form", REPEATS.values(), ids=REPEATS.keys())
@pytest.mark.parametrize("rest", [b"", b"\xff\xfe"], ids=["text", "bytes"])
async def test_a_webhook_is_shown_without_what_its_provider_was_given(context, client, provider, path, form, rest):
    """Secrets are masked in bodies, text or not, and in headers; the stored bytes stay as they came."""
    secrets = [path.rpartition("~")[2], WEBHOOK_SECRET, "key-of-eachlabs"]
    said = " ".join(form(secret) for secret in secrets)
    body = f'{{"callback": "{form(PUBLIC_URL + path)}", "more": "{said}"}}'.encode() + rest
    headers = {"x-told": said, f"x-{form('key-of-eachlabs') if form is str else 'more'}": "1"}
    await provider.post(path, content=body, headers=SECRET | headers)
    (kept,) = (await client.get("/v1/webhooks")).json()["data"]

    shown = (await client.get(f"/v1/webhooks/{kept['id']}")).json()

    shown_body = base64.b64decode(shown["body"]) if shown["body_base64"] else shown["body"].encode()
    assert (bool(rest), len(body)) == (shown["body_base64"], shown["bytes"])
    assert f'"callback": "{form(f"{PUBLIC_URL}/callbacks/eachlabs/")}********"'.encode() in shown_body
    assert shown_body.endswith(b'"******** ******** ********"}' + rest)
    assert "******** ******** ********" == shown["headers"]["x-told"]
    everything = json.dumps(shown) + repr(shown_body)
    assert not [secret for secret in secrets if secret in everything or json.dumps(form(secret))[1:-1] in everything]
    async with context.store.reading() as tx:
        assert body == (await observations.webhook_by_id(tx, kept["id"])).webhook.body


@pytest.mark.parametrize(
    "change",
    [lambda p: p + "x", lambda p: p.replace("eachlabs", "runblob"), lambda p: p.replace("eachlabs", "nobody")],
    ids=["token", "provider", "unknown"],
)
async def test_an_address_that_is_not_ours_is_404_and_nothing_is_kept(client, provider, path, change):
    answer = await provider.post(change(path), json=SUCCEEDED, headers=SECRET)

    assert (404, "unknown_token") == (answer.status_code, answer.json()["code"])
    assert [] == (await client.get("/v1/webhooks")).json()["data"]


async def test_a_webhook_that_is_too_large_is_413(context, client, provider, path):
    large = b"x" * (context.policy.limits.webhook_max_bytes + 1)

    async def drip():
        for _ in range(3):
            yield large[: len(large) // 2]

    declared = await provider.post(path, content=large, headers=SECRET)
    dripped = await provider.post(path, content=drip(), headers=SECRET)

    assert [413, 413] == [declared.status_code, dripped.status_code]
    assert [] == (await client.get("/v1/webhooks")).json()["data"]


async def test_what_cannot_be_read_is_kept_and_answered_200(context, client, provider, path):
    answer = await provider.post(path, content=b"\xff<html>", headers=SECRET)
    await run_worker(context, "read")

    (stored,) = (await client.get("/v1/webhooks")).json()["data"]
    shown = (await client.get(f"/v1/webhooks/{stored['id']}")).json()
    assert 200 == answer.status_code
    assert stored["unreadable_reason"].startswith("not JSON")
    assert ("/zxodG1sPg==", True) == (shown["body"], shown["body_base64"])


async def test_probes_and_challenges_are_answered(client, provider, path):
    probe = await provider.options(path, headers={"webhook-request-origin": "provider.example"})
    plain = await provider.options(path)
    challenge = await provider.post(path, json={"challenge": "abc"})

    assert (200, "provider.example") == (probe.status_code, probe.headers["webhook-allowed-origin"])
    assert (200, "GET, HEAD, OPTIONS, POST") == (plain.status_code, plain.headers["allow"])
    assert (200, {"challenge": "abc"}) == (challenge.status_code, challenge.json())
    refused = await provider.put(path)
    allowed = {"GET", "HEAD", "OPTIONS", "POST"}
    assert (405, allowed) == (refused.status_code, set(refused.headers["allow"].split(", ")))
    assert [] == (await client.get("/v1/webhooks")).json()["data"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("ending", ["", "/", "x", "?challenge=abc"])
async def test_look_at_an_address_is_answered_alike_and_does_nothing(client, provider, path, method, ending):
    """Monitors and providers look first; nobody learns whether an address leads to a generation."""
    with capture_logs() as entries:
        answer = await provider.request(method, path + ending, headers={"x-webhook-secret": "guess"})

    assert (200, b"", "0") == (answer.status_code, answer.content, answer.headers["content-length"])
    assert [] == (await client.get("/v1/webhooks")).json()["data"]
    assert [] == entries


async def test_webhook_is_taken_at_an_address_with_a_slash_at_its_end(client, provider, path):
    assert 200 == (await provider.post(path + "/", json=SUCCEEDED, headers=SECRET)).status_code
    assert 1 == len((await client.get("/v1/webhooks")).json()["data"])


async def test_a_stored_webhook_is_found_by_what_became_of_it(context, client, provider, path):
    for _ in range(2):
        await provider.post(path, json=SUCCEEDED, headers=SECRET)
    await run_worker(context, "read")

    async def count(query):
        return len((await client.get(f"/v1/webhooks?{query}")).json()["data"])

    assert [1, 1, 0, 2, 0, 2] == [
        await count(query)
        for query in (
            "finding=advanced", "finding=repeated", "finding=stale", "provider=eachlabs", "provider=runblob",
            "verified=true&since=2026-01-01T00:00:00Z&limit=10",
        )
    ]  # fmt: skip
    page = (await client.get("/v1/webhooks?limit=1")).json()
    rest = (await client.get(f"/v1/webhooks?limit=1&after={page['next']}")).json()
    assert (1, None) == (len(rest["data"]), rest["next"])
    assert 422 == (await client.get("/v1/webhooks?finding=lost")).status_code


async def test_a_callback_address_that_a_body_repeats_is_shown_without_its_token(client, provider, path):
    await provider.post(path, json={**SUCCEEDED, "webhook_url": f"https://arrivals.example.com{path}"}, headers=SECRET)

    (stored,) = (await client.get("/v1/webhooks")).json()["data"]
    body = (await client.get(f"/v1/webhooks/{stored['id']}")).json()["body"]

    assert "/callbacks/eachlabs/********" in body
    assert path not in body


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_a_full_disk_is_503_so_that_the_provider_comes_again_and_nothing_was_promised(
    client, provider, context, path
):
    connection = context.store.writer.connection
    connection.execute(f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').fetchone()[0]}")
    body = {**SUCCEEDED, "logs": "x" * 100_000}

    full = await provider.post(path, json=body, headers=SECRET)
    kept = (await client.get("/v1/webhooks")).json()["data"]
    connection.execute("PRAGMA max_page_count=1000000")
    again = await provider.post(path, json=body, headers=SECRET)

    assert (503, "store_unavailable", "5") == (full.status_code, full.json()["code"], full.headers["retry-after"])
    assert ([], 200) == (kept, again.status_code)
    assert 1 == len((await client.get("/v1/webhooks")).json()["data"])


async def test_a_challenge_that_is_no_text_is_a_webhook_like_any_other(provider, path):
    answers = [
        await provider.post(path, content=body)
        for body in (b'{"challenge": "\xff"}', b'{"challenge": "x", "\xff": 1}', b'{"challenge":' * 50_000)
    ]

    assert [401, 401, 401] == [answer.status_code for answer in answers]
