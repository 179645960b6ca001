"""`arrivals webhooks`: look, replay, and make fixtures that the conformance tests take."""

import base64
from datetime import UTC, datetime
import json

import pytest

from arrivals.cli.save_fixture import exported
from arrivals.providers._shared.signatures import hex_hmac_matches
from arrivals.providers.eachlabs import verify
from tests.providers.test_conformance import OUTCOMES, comparable, outcome_of, pieces
from tests.support.fixtures import FIXTURES, Piece, split

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def came(run, ended):
    """The webhooks of a generation that had this fault, oldest first."""

    def order(fault=""):
        made = ended(fault)
        while not (webhooks := run("webhooks", "list", "--generation", made["id"], "--json")["data"]):
            pass
        return webhooks[::-1]

    return order


def piece_of(folder, name):
    """What was exported, as the conformance tests read fixtures."""
    meta = json.loads((folder / f"{name}.expect.json").read_text())
    return Piece(name=name, provider="eachlabs", raw=(folder / f"{name}.http").read_bytes(), meta=meta)


def conforms(piece):
    expected = {outcome: piece.meta[outcome] for outcome in OUTCOMES if outcome in piece.meta}
    assert 1 == len(expected)
    return expected == comparable(outcome_of(piece), expected)


def test_webhooks_are_listed_and_shown(run, came):
    (stored,) = came()
    rows = [
        line.split() for line in run("webhooks", "list", "--generation", stored["generation_id"]).stdout.splitlines()
    ]
    assert ["received_at", "id", "provider", "generation_id", "verified_by", "finding", "trouble", "bytes"] == rows[0]
    assert [stored["id"], "eachlabs", stored["generation_id"], stored["verified_by"]] == rows[1][1:5]
    head, headers, body = run("webhooks", "show", stored["id"]).stdout.split("\n\n")
    assert stored["id"] in head
    shown = dict(line.split(": ", 1) for line in headers.splitlines())
    assert "application/json" == shown["content-type"]
    assert "********" == shown.get("x-webhook-secret", "********")
    assert run("webhooks", "show", stored["id"], "--json")["body"] == body.rstrip("\n")


def test_webhooks_are_gone_through_by_cursor_and_filtered(run, came):
    (first,), (second,) = came(), came()
    result = run("webhooks", "list", "--limit", 1)
    assert second["id"] in result.stdout
    assert f"next page: --after {second['id']}\n" == result.stderr
    page = run("webhooks", "list", "--limit", 1, "--after", second["id"], "--verified", "--json")
    assert [first["id"]] == [row["id"] for row in page["data"]]
    assert "nothing\n" == run("webhooks", "list", "--since", "2099-01-01").stdout
    assert [] == run("webhooks", "list", "--unverified", "--generation", first["generation_id"], "--json")["data"]


def test_webhook_that_is_replayed_changes_nothing(run, came):
    (stored,) = came()
    replay = run("webhooks", "replay", stored["id"], "--dry-run", "--json")
    assert (stored["id"], "completed", True) == (replay["webhook_id"], replay["status"], replay["dry_run"])
    assert "repeated" in run("webhooks", "replay", stored["id"]).stdout


@pytest.mark.parametrize(("fault", "outcome"), [("", "completed"), ("outcome=PROVIDER_FAILED", "failed")])
def test_exported_webhook_is_a_fixture_that_conforms(run, came, tmp_path, fault, outcome):
    (stored,) = came(fault)
    paths = run("webhooks", "export", stored["id"], "--to", tmp_path / "new", "--json")
    name = f"predictions-webhook-{stored['id']}"
    assert {"http": f"{name}.http", "expect": f"{name}.expect.json"} == {
        kind: path.rpartition("/")[2] for kind, path in paths.items()
    }
    piece = piece_of(tmp_path / "new", name)
    assert conforms(piece)
    assert (outcome, stored["verified_by"]) == tuple(piece.meta["expect"][key] for key in ("status", "verified_by"))
    assert (["SECRET"], "flux-1-1-pro", "webhook") == tuple(piece.meta[key] for key in ("secrets", "model", "reads"))
    assert f"exported {datetime.now(UTC):%Y}" in piece.meta["source"]
    head, _ = split(piece.raw)
    assert "POST /callbacks/eachlabs/TOKEN HTTP/1.1" == head[0]
    kept = {line.split(":")[0].lower() for line in head[1:]}
    assert {"host", "content-type", "user-agent", "x-webhook-secret", "x-webhook-signature"} >= kept
    fields = {key for other in pieces("eachlabs") for key in other.meta}
    assert fields >= set(piece.meta)


def test_forged_webhook_is_exported_as_one(run, came, tmp_path):
    forged = next(stored for stored in came("webhook=forged") if stored["refused_reason"])
    result = run("webhooks", "export", forged["id"], "--to", tmp_path)
    assert 2 == len(result.stdout.splitlines())
    assert "review the files" in result.stderr
    piece = piece_of(tmp_path, f"predictions-webhook-{forged['id']}")
    assert conforms(piece)
    assert piece.meta["unverified"]


def test_unreadable_webhook_is_exported_as_one(run, came, tmp_path):
    stored = came("webhook=unreadable")[0]
    run("webhooks", "export", stored["id"], "--to", tmp_path)
    piece = piece_of(tmp_path, f"predictions-webhook-{stored['id']}")
    assert conforms(piece)
    assert piece.meta["unreadable"]


def test_what_is_there_is_not_overwritten(run, came, tmp_path):
    (stored,) = came()
    run("webhooks", "export", stored["id"], "--to", tmp_path)
    assert "already exists" in run("webhooks", "export", stored["id"], "--to", tmp_path, code=1).stderr


STORED = {
    "id": "whk_1", "provider": "eachlabs", "received_at": "2026-11-20T12:00:00.000Z", "verified_by": "signature",
    "refused_reason": None, "body_base64": False,
}  # fmt: skip
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_signature_is_made_anew_and_what_says_nothing_or_too_much_is_dropped():
    body = json.dumps(
        {
            "exec_id": "a",
            "status": "succeeded",
            "output": "https://x.example/1.png",
            "webhook_url": "https://a.example/callbacks/eachlabs/********",
            "older": "/callbacks/eachlabs/gen_1~x.y-z",
        }
    )
    headers = {
        "content-type": "application/json", "user-agent": "each", "x-webhook-signature": "sha256=" + "0" * 64,
        "x-eachlabs-event": "done", "webhook-id": "msg_1", "authorization": "********", "cookie": "********",
        "x-forwarded-for": "1.2.3.4", "cf-ray": "1", "x-api-key": "k", "x-request-id": "r", "accept": "*/*",
        "host": "h", "content-length": "9",
    }  # fmt: skip
    piece = exported(STORED | {"headers": headers, "body": body}, "flux-1-1-pro", NOW)
    read = Piece(name="", provider="eachlabs", raw=piece.http, meta=json.loads(piece.expect))

    assert {"host", "content-type", "user-agent", "x-webhook-signature", "x-eachlabs-event", "webhook-id"} == set(
        read.webhook.headers
    )
    assert hex_hmac_matches(read.webhook.headers["x-webhook-signature"], read.webhook.body, ["SECRET"])
    assert "signature" == verify(read.webhook, ["SECRET"]) == read.meta["expect"]["verified_by"]
    assert 2 == read.webhook.body.count(b'/callbacks/eachlabs/TOKEN"')
    assert conforms(read)


def test_token_that_is_escaped_is_exported_by_nobody():
    body = json.dumps({"exec_id": "a", "status": "succeeded", "output": "https://x.example/1.png"})
    body = body[:-1] + r', "u": "https:\/\/a.example\/callbacks\/eachlabs\/gen_1.default~x-z_"}'
    piece = exported(STORED | {"headers": {}, "body": body}, "flux-1-1-pro", NOW)

    assert b"x-z_" not in piece.http
    assert piece.http.endswith(rb"\/callbacks\/eachlabs\/********" + b'"}')


def test_body_that_is_no_text_is_exported_byte_by_byte():
    content = b"\xff\xfe/callbacks/eachlabs/gen_1~abc\x00"
    stored = STORED | {"verified_by": "secret", "body": base64.b64encode(content).decode(), "body_base64": True}
    piece = exported(stored | {"headers": {"x-webhook-secret": "********"}}, "flux-1-1-pro", NOW)
    assert piece.http.endswith(b"\n\n\xff\xfe/callbacks/eachlabs/TOKEN\x00")
    assert json.loads(piece.expect)["unreadable"]


@pytest.mark.parametrize(("provider", "model"), [("laozhang", "veo-3.1"), ("nobody", "m"), ("vtrix", "wan26_t2i")])
def test_webhook_that_nobody_reads_is_not_exported(provider, model):
    with pytest.raises(OSError, match=f"this version reads no webhooks of {provider}"):
        exported(STORED | {"provider": provider, "headers": {}, "body": "{}"}, model, NOW)


@pytest.mark.parametrize("path", sorted((FIXTURES / "runblob").glob("*-webhook-*.http")), ids=lambda path: path.stem)
def test_export_of_a_fixture_reads_as_the_fixture(path):
    """Of unsigned ones, where nothing is replaced."""
    piece = next(piece for piece in pieces("runblob") if piece.name == f"runblob/{path.stem}")
    stored = STORED | {"provider": "runblob", "verified_by": None, "headers": dict(piece.webhook.headers)}
    body = {"body": base64.b64encode(piece.webhook.body).decode(), "body_base64": True}
    again = json.loads(exported(stored | body, piece.meta["model"], NOW).expect)
    outcome = next(outcome for outcome in OUTCOMES if outcome in piece.meta)
    assert piece.meta[outcome] == comparable(again[outcome], piece.meta[outcome])


@pytest.mark.parametrize("command", ["show", "replay", "export"])
def test_unknown_webhook_is_one_line(run, command):
    refusal = "arrivals: no webhook has the id whk_1; a webhook's id is whk_ and 26 letters and digits\n"
    assert refusal == run("webhooks", command, "whk_1", code=1).stderr


@pytest.mark.parametrize(
    "arguments", [("show",), ("list", "--limit", "0"), ("export",), ("mend", "whk_1")], ids=" ".join
)
def test_wrong_usage_is_said(run, arguments):
    run("webhooks", *arguments, code=2)
