"""`arrivals submit` and `list` against a real service and the stand-ins."""

import json

import pytest

from arrivals.cli.output import show_table
from arrivals.config.key_file import with_keys
from arrivals.config.settings import read_settings
from arrivals.lab.processes import free_port
from tests.cli.conftest import asking_for

pytestmark = pytest.mark.timeout(30)

MODEL = "wan26_t2i"


def order_of(prompt):
    """The arguments that order this."""
    return ("submit", "vtrix", MODEL, "--input", json.dumps(asking_for(prompt)))


@pytest.fixture
def submitted(arrivals, service):
    """A generation that has ended."""
    result = arrivals(*order_of("a fox [rehearse run=0.1]"), "--wait", 20, "--json", **service)
    assert 0 == result.exit_code, result.stderr
    return json.loads(result.stdout)


def test_submit_waits_for_the_end(submitted):
    assert ("completed", "vtrix", MODEL, "poll") == tuple(
        submitted[name] for name in ("status", "provider", "model", "learned_from")
    )
    assert submitted["outputs"]


def test_wait_that_is_over_before_the_end_is_no_success(arrivals, service):
    result = arrivals(*order_of("a fox [rehearse run=60]"), "--wait", 1, **service)
    generation_id = next(line.split()[1] for line in result.stdout.splitlines() if line.split()[0] == "id")
    assert (1, f"not ended yet; wait on with: arrivals watch {generation_id}\n") == (result.exit_code, result.stderr)


def test_submit_returns_at_once_when_nobody_waits(arrivals, service):
    result = arrivals(*order_of("a fox [rehearse run=60]"), "--json", **service)
    assert (0, "pending") == (result.exit_code, json.loads(result.stdout)["status"])


def test_submit_for_people_is_a_table_of_facts(arrivals, service):
    result = arrivals(*order_of("a fox [rehearse run=0.1]"), "--wait", 20, **service)
    assert 0 == result.exit_code
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert ("completed", "vtrix", "default") == tuple(facts[name].strip() for name in ("status", "provider", "account"))
    assert "kind=image" in facts["outputs"]
    assert "failure" not in facts


def test_submit_of_a_wrong_model_says_which_exist(arrivals, service):
    result = arrivals("submit", "laozhang", "wan99", "--prompt", "a fox", **service)
    assert (1, "") == (result.exit_code, result.stdout)
    assert 'laozhang has no model "wan99"; it has doubao-seedance-2-0-*, reverse/sora-2' in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_submit_to_a_provider_that_is_not_configured_says_how(arrivals, service):
    result = arrivals("submit", "runblob", "kling/o3-photo", "--prompt", "a fox", **service)
    assert 1 == result.exit_code
    assert "set ARRIVALS_RUNBLOB_API_KEY" in result.stderr


@pytest.mark.parametrize("text", ["{", "[]", '"text"', ""])
def test_submit_of_what_is_no_json_object_is_wrong_usage(arrivals, text):
    result = arrivals("submit", "vtrix", MODEL, "--input", text)
    assert 2 == result.exit_code
    assert "--input must be a JSON object" in result.stderr


def test_list_shows_the_newest_first(arrivals, service, submitted):
    page = json.loads(arrivals("list", "--provider", "vtrix", "--status", "completed", "--json", **service).stdout)
    assert submitted["id"] == page["data"][0]["id"]
    assert {"completed"} == {row["status"] for row in page["data"]}
    result = arrivals("list", "--model", MODEL, "--status", "completed", "--limit", 1, **service)
    head, line = result.stdout.splitlines()
    assert ["id", "provider", "model", "status", "learned_from", "created_at", "failure"] == head.split()
    assert [submitted["id"], "vtrix", MODEL, "completed", "poll"] == line.split()[:5]
    assert "-" == line.split()[-1]


def test_list_of_nothing_says_so(arrivals, service):
    assert "nothing\n" == arrivals("list", "--model", "none", **service).stdout


def test_failure_is_shown_by_its_code(arrivals, service):
    order = order_of("a fox [rehearse submit=402]")
    result = arrivals(*order, "--wait", 20, **service)
    assert 1 == result.exit_code
    assert "code=insufficient_funds" in result.stdout
    line = arrivals("list", "--status", "failed", "--limit", 1, **service).stdout.splitlines()[1]
    assert "insufficient_funds" == line.split()[-1]


def test_url_and_key_may_be_given(arrivals, service):
    url = f"http://127.0.0.1:{service['PORT']}/"
    assert 0 == arrivals("list", "--url", url, "--key", service["API_KEY"]).exit_code


def test_blanks_and_line_ends_around_options_are_trimmed(arrivals, service):
    url = f" http://127.0.0.1:{service['PORT']}/\n"
    assert 0 == arrivals("list", "--url", url, "--key", f" {service['API_KEY']}\n").exit_code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--key", "'key-of-16-letters'"], "--key must be written without the quotes around it"),
        (["--key", "key\nother"], "--key must be visible ASCII characters without spaces or line ends"),
        (["--url", '"http://127.0.0.1:1"'], "--url must be written without the quotes around it"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_by_name(arrivals, service, options, said):
    result = arrivals("list", *options, **service)
    assert (2, f"arrivals: {said}\n") == (result.exit_code, result.stderr)


def test_wrong_key_is_said_in_the_services_words(arrivals, service):
    result = arrivals("list", "--key", "wrong", **service)
    said = "arrivals: this API key is unknown, expired or revoked; set ARRIVALS_API_KEY or pass --key"
    assert (1, f"{said}; `arrivals keys make` makes a new one\n") == (result.exit_code, result.stderr)


def test_refusal_is_the_services_own_problem_document_for_programs(arrivals, service):
    """Also where the provider would refuse the order; nothing is printed where the result would stand."""
    result = arrivals("submit", "vtrix", MODEL, "--prompt", "a fox", "--json", **service)
    problem = json.loads(result.stderr)
    assert (1, "", 422, "refused_by_preflight") == (result.exit_code, result.stdout, problem["status"], problem["code"])
    assert ("preflight", ["input.input", "input.input.messages"]) == (
        problem["failure"]["origin"],
        [error["field"] for error in problem["errors"]],
    )
    wrong = arrivals("list", "--key", "wrong", "--json", **service)
    assert (1, "", "key_invalid") == (wrong.exit_code, wrong.stdout, json.loads(wrong.stderr)["code"])


def test_key_that_was_made_beside_the_running_service_works(arrivals, service):
    key = arrivals("keys", "make", "mine", **service).stdout.strip()
    assert 0 == arrivals("list", "--key", key, **service).exit_code
    result = arrivals("submit", "vtrix", MODEL, "--prompt", "a fox", "--key", key, **service)
    assert 1 == result.exit_code
    assert "has no scope 'submit'" in result.stderr


def test_no_keys_file_is_made_and_the_local_key_goes_to_no_other_address(arrivals, service, tmp_path):
    """Only `serve` makes keys; a key that nobody named belongs to the service of this environment."""
    without = arrivals("list", PORT=service["PORT"], DATABASE=tmp_path / "other.db")
    kept = tmp_path / "kept.db"
    with_keys(read_settings({"ARRIVALS_DATABASE": str(kept)}))
    elsewhere = arrivals("list", "--url", "http://127.0.0.1:9", DATABASE=kept)
    said = "arrivals: no API key for this service; set ARRIVALS_API_KEY or pass --key\n"
    assert [(2, said)] * 2 == [(result.exit_code, result.stderr) for result in (without, elsewhere)]
    assert not (tmp_path / "other.db.keys").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("command", [("list",), ("show", "gen_1"), ("submit", "a", "b")], ids=" ".join)
def test_service_that_is_not_running_is_said(arrivals, command, host):
    port = free_port()
    result = arrivals(*command, "--key", "any", HOST=host, PORT=port)
    assert (1, "") == (result.exit_code, result.stdout)
    shown = f"[{host}]" if ":" in host else host
    assert result.stderr.startswith(f"arrivals: nothing answers at http://{shown}:{port} (")
    assert result.stderr.endswith("is `arrivals serve` running?\n")


@pytest.mark.parametrize("url", ["no url", "http://[", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_url_that_leads_nowhere_is_said(arrivals, url):
    result = arrivals("list", "--url", url, "--key", "key")
    assert 1 == result.exit_code
    assert result.stderr.startswith("arrivals: nothing answers at")


@pytest.mark.parametrize(("path", "http_status"), [("", 404), ("/?", 200)])
def test_other_server_is_not_taken_for_an_arrivals(arrivals, rehearsal, path, http_status):
    """It has errors of its own, or answers in plain text."""
    result = arrivals("list", "--url", f"http://127.0.0.1:{rehearsal}{path}", "--key", "key")
    expected = f"arrivals: HTTP {http_status}; is this the URL of an Arrivals service?\n"
    assert (1, expected) == (result.exit_code, result.stderr)


def test_square_brackets_are_shown_as_they_are(capsys):
    """Providers' words are text, whatever they look like."""
    show_table([{"message": "no [/bold] or [red]ref[/]", "status": "completed", "list": ["a", "b"], "none": None}])
    assert ["no", "[/bold]", "or", "[red]ref[/]", "completed", "a,", "b", "-"] == (
        capsys.readouterr().out.splitlines()[1].split()
    )


def test_prompt_is_put_into_the_input(arrivals, service):
    """The model wants messages, and nothing is sent that it would refuse."""
    order = ("submit", "vtrix", MODEL, "--prompt", "a fox", "--input", '{"size": "1024*1024"}', "--wait", 20, "--json")
    result = arrivals(*order, **service)
    assert 1 == result.exit_code
    assert "input.input: Missing required field input" in result.stderr
