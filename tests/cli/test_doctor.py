"""`arrivals doctor`: finds common mistakes and says what to do."""

import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from arrivals.cli.doctor import network
from arrivals.core.standard_webhooks import make_secret
from arrivals.lab.demo.scenario import PATHS
from arrivals.lab.processes import free_port
from arrivals.providers.catalog import PROVIDERS
from arrivals.store.engine.migrate import available
from tests.cli.conftest import Hook
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def web():
    """Answers every GET and HEAD with what a test says: (status, headers, body)."""
    server: Any = Hook()  # with an answer of its own, to methods of its own
    server.answer = (200, {}, b'{"status":"live"}')

    def do_GET(handler):  # noqa: N802 - http.server's name
        status, headers, body = server.answer
        handler.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body if handler.command == "GET" else b"")

    server.server.RequestHandlerClass.do_GET = server.server.RequestHandlerClass.do_HEAD = do_GET
    server.url = server.url.removesuffix("/hook")
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.server.shutdown()
    thread.join()
    server.server.server_close()


def account(url):
    return {"VTRIX_API_KEY": "rehearsal-vtrix", "VTRIX_BASE_URL": url}


def test_service_that_is_well_is_found_well(arrivals, doctor, whole, rehearsal):
    settings = {**whole, **account(f"http://127.0.0.1:{rehearsal}/vtrix")}
    laozhang = {"LAOZHANG_API_KEY": "rehearsal-laozhang", "LAOZHANG_BASE_URL": f"http://127.0.0.1:{rehearsal}/laozhang"}
    checks = doctor(**whole, **laozhang, ALLOW_DESTINATIONS="127.0.0.0/8")
    assert {
        "settings", "database", "disk", "backup", "due work", "quarantine", "webhooks", "breakers", "service",
        "workers", "clock against the service", "subscribers", "public URL", "clock against laozhang",
        "key of laozhang/default",
    } == set(checks) - {"clock against the database"}  # fmt: skip
    assert [] == [check for check in checks.values() if not check["ok"]]
    assert checks["workers"]["found"].startswith("submit, read, poll, expire, deliver, replay, prune, measure: ")
    assert "not set; no configured provider sends webhooks" == checks["public URL"]["found"]
    result = arrivals("doctor", **settings, PUBLIC_URL=f"http://127.0.0.1:{whole['PORT']}")
    assert 1 == result.exit_code
    assert ["check", "found", "what", "to", "do"] == result.stdout.splitlines()[0].split()
    assert "is not https" in result.stdout


def test_settings_that_cannot_be_read_are_all_that_is_said(doctor):
    checks = doctor(DATABSE="x")
    assert ["settings"] == list(checks)
    assert "did you mean ARRIVALS_DATABASE?" in checks["settings"]["found"]


def test_fresh_folder_lacks_a_provider_a_service_and_its_key(doctor, tmp_path):
    checks = doctor(DATABASE=tmp_path / "new.db")
    assert ("no provider is configured", False) == (checks["settings"]["found"], checks["settings"]["ok"])
    assert f"{tmp_path / 'new.db'} is not there yet; the first start makes it" == checks["database"]["found"]
    assert "no API key for this service" in checks["service"]["found"]
    assert not (tmp_path / "new.db").exists()


def test_database_that_cannot_be_used_is_found(doctor, arrivals, tmp_path):
    assert "cannot open the database" in doctor(DATABASE=tmp_path)["database"]["found"]
    assert "nothing can be written to" in doctor(DATABASE=tmp_path / "none" / "my.db")["database"]["found"]
    (tmp_path / "old.db").write_bytes(b"")
    assert "there is no database of Arrivals in" in doctor(DATABASE=tmp_path / "old.db")["database"]["found"]
    assert b"" == (tmp_path / "old.db").read_bytes()
    arrivals("migrate", "--create", DATABASE=tmp_path / "old.db")
    assert doctor(DATABASE=tmp_path / "old.db")["database"]["ok"]


def test_database_of_a_newer_version_is_found(doctor, arrivals, tmp_path, monkeypatch):
    arrivals("migrate", "--create", DATABASE=tmp_path / "new.db")
    older = dict([*available().items()][1:])
    monkeypatch.setattr("arrivals.store.engine.migrate.available", lambda: older)
    assert "was written by a newer Arrivals" in doctor(DATABASE=tmp_path / "new.db")["database"]["found"]


def test_database_on_a_server_is_looked_at_too(doctor, arrivals, postgres_url, monkeypatch):
    keys = {
        "API_KEY": "key-of-16-letters",
        "SECRET_KEYS": "key-of-16-letters",
        "CALLBACK_SECRET": make_secret(bytes(32)),
    }
    with fresh_database(postgres_url) as url:
        lacking = doctor(DATABASE=url, **keys)["database"]
        arrivals("migrate", "--create", DATABASE=url)
        well = doctor(DATABASE=url, **keys)["database"]
        later = {**available(), "9000_post_less": "DROP TABLE ledgers;"}
        monkeypatch.setattr("arrivals.store.engine.migrate.available", lambda: later)
        waiting = doctor(DATABASE=url, **keys)["database"]
        keyless = doctor(DATABASE=url)["settings"]

    assert (False, True, True) == (lacking["ok"], well["ok"], waiting["ok"])
    assert "lacks 0001_initial" in lacking["found"]
    assert "can be written and is up to date" in well["found"]
    assert "9000_post_less waits for `arrivals migrate --post`" in waiting["found"]
    assert "ARRIVALS_CALLBACK_SECRET must be set" in keyless["found"]


def test_service_that_is_away_or_somebody_else_is_told(doctor, rehearsal):
    assert (
        "nothing answers at" in doctor("--key", "any", "--url", f"http://127.0.0.1:{free_port()}")["service"]["found"]
    )
    checks = doctor("--key", "any", "--url", f"http://127.0.0.1:{rehearsal}")
    assert "is this the URL of an Arrivals service?" in checks["service"]["found"]


def test_wrong_key_and_poor_key_are_told_apart(doctor, arrivals, whole):
    assert "does not accept this API key" in doctor("--key", "wrong", **whole)["service"]["found"]
    poor = arrivals("keys", "make", "poor", "--scope", "submit", **whole).stdout.strip()
    assert "has no scope 'read'" in doctor("--key", poor, **whole)["service"]["found"]


def test_public_url_that_is_missing_where_webhooks_would_come_is_found(doctor, rehearsal):
    checks = doctor(**account(f"http://127.0.0.1:{rehearsal}/vtrix"))
    assert "not set: vtrix could send webhooks" in checks["public URL"]["found"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com", "is not https"),
        ("https://127.0.0.1:1", "127.0.0.1, which is not a public address"),
        ("https://no-such-host.invalid", "cannot be resolved"),
    ],
)
def test_public_url_that_is_not_public_is_found(doctor, monkeypatch, url, words):
    monkeypatch.setattr(network, "TIMEOUT_S", 0.2)
    checks = doctor(PUBLIC_URL=url)
    assert words in checks["public URL"]["found"]
    assert "cannot be reached from here" in checks["public URL answers"]["found"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b'{"status":"live"}'), "/health/live answers (checked from here)"),
        ((308, {"Location": "https://www.example.com/"}, b""), "answers with a redirect to https://www.example.com/"),
        ((404, {}, b""), "answers HTTP 404, but not as Arrivals does"),
        ((200, {}, b"<html>"), "answers HTTP 200, but not as Arrivals does"),
    ],
    ids=["live", "redirect", "missing", "page"],
)
def test_public_url_is_asked_as_providers_do(doctor, web, answer, words):
    web.answer = answer
    assert words in doctor(PUBLIC_URL=web.url)["public URL answers"]["found"]


@pytest.mark.parametrize(
    ("date", "well", "words"),
    [
        ("Mon, 01 Jan 2024 00:00:00 GMT", False, "ahead of"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", False, "behind"),
        ("some day", True, "answers without a date"),
        ("Fri, 31 Dec 9999 23:59:59 +99999999999999", True, "answers without a date"),
        ("", True, "answers without a date"),
    ],
)
def test_clock_is_held_against_the_providers(doctor, web, date, well, words):
    web.answer = (200, {"Date": date}, b"")
    check = doctor(**account(web.url))["clock against vtrix"]
    assert well is check["ok"]
    assert words in check["found"]


def test_provider_that_cannot_be_reached_is_told(doctor):
    checks = doctor(**account(f"http://127.0.0.1:{free_port()}"))
    assert "cannot be reached" in checks["clock against vtrix"]["found"]
    assert "cannot be reached" in checks["key of vtrix/default"]["found"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_key_that_the_provider_refuses_is_found(doctor, rehearsal, provider):
    """The stand-ins know their keys; a question about nothing is free."""
    url = f"http://127.0.0.1:{rehearsal}/{PATHS.get(provider, provider)}"
    name, team = provider.upper(), f"{provider.upper()}__TEAM"
    settings = {f"{name}_API_KEY": f"rehearsal-{provider}", f"{name}_BASE_URL": url}
    settings |= {f"{team}_API_KEY": "wrong", f"{team}_BASE_URL": url}
    checks = doctor(**settings)
    assert "accepted (HTTP" in checks[f"key of {provider}/default"]["found"]
    assert "the provider refuses it (HTTP 40" in checks[f"key of {provider}/team"]["found"]


def test_provider_without_a_free_question_is_not_asked(doctor, web, monkeypatch):
    monkeypatch.setattr(network, "_free_request", lambda *_: None)
    assert "not checked" in doctor(**account(web.url))["key of vtrix/default"]["found"]
    monkeypatch.undo()
    assert network._free_request(SimpleNamespace(ROUTES=()), None) is None


@pytest.mark.parametrize(
    ("answer", "well", "words"),
    [
        ((503, {}, b""), False, "cannot be checked: the provider answers HTTP 503"),
        ((401, {}, b"<html>"), False, "refuses it (HTTP 401)"),
        ((404, {}, b"{}"), True, "accepted (HTTP 404 for an unknown id)"),
    ],
    ids=str,
)
def test_key_is_judged_by_the_answer(doctor, web, answer, well, words):
    web.answer = answer
    check = doctor(**account(web.url))["key of vtrix/default"]
    assert (well, True) == (check["ok"], words in check["found"])


def test_key_that_leads_to_an_empty_account_is_told(doctor, web):
    web.answer = (402, {}, b'{"error": {"message": "Insufficient balance", "code": "insufficient_user_quota"}}')
    checks = doctor(LAOZHANG_API_KEY="key", LAOZHANG_BASE_URL=web.url)
    assert "balance is used up" in checks["key of laozhang/default"]["found"]


def test_subscribers_that_fail_are_disabled_or_blocked_are_found(doctor, run, arrivals, whole, hook):
    subscriber = run("subscribers", "add", hook.url, "--json")["id"]
    name, allowed = f"subscriber {subscriber}", {**whole, "ALLOW_DESTINATIONS": "127.0.0.0/8"}
    try:
        assert name not in doctor(**allowed)
        assert "is blocked" in doctor(**whole)[name]["found"]
        hook.answers = [500] * 10
        run("subscribers", "ping", subscriber, code=1)
        hook.wait(1)
        while name not in (checks := doctor(**allowed)):
            pass
        assert re.fullmatch(
            rf"{re.escape(hook.url)} fails since [\d:TZ.-]+: status: HTTP 500 \(1 wait\)", checks[name]["found"]
        )
        assert f"`arrivals subscribers ping {subscriber}`" in checks[name]["advice"]
        hook.answers = [410] * 10
        arrivals("subscribers", "ping", subscriber, **whole)  # refused if a retry was answered 410 before it
        while "is disabled" not in (checks := doctor(**allowed))[name]["found"]:
            pass
        assert f"arrivals subscribers resume {subscriber}" in checks[name]["advice"]
    finally:
        run("subscribers", "delete", subscriber)
