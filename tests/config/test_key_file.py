"""Keys are made once, kept for their owner alone, and the same for everybody who starts beside."""

from dataclasses import replace
import json
import secrets
import stat
import subprocess
import sys

import pytest

from arrivals.config.declarations import BadSetting
from arrivals.config.key_file import key_file_path, with_keys
from arrivals.config.settings import read_settings
from arrivals.core.standard_webhooks import key_of, make_secret

START = """
import sys
from arrivals.config.key_file import with_keys
from arrivals.config.settings import read_settings

settings = read_settings({"ARRIVALS_DATABASE": sys.argv[1]})
sys.stdin.readline()
settings, made = with_keys(settings)
print(made, settings.secret_keys, settings.api_keys, settings.callback_secrets)
"""


def with_defaults(**changed):
    """The default settings but for these."""
    return replace(read_settings({}), **changed)


@pytest.fixture
def settings(tmp_path):
    return with_defaults(database=str(tmp_path / "my.db"))


def test_keys_stand_beside_the_database(settings, tmp_path):
    assert tmp_path / "my.db.keys" == key_file_path(settings)


def test_keys_are_made_once_and_read_again(settings):
    first, made = with_keys(settings)
    again, made_again = with_keys(settings)
    assert (True, False) == (made, made_again)
    assert first == again
    assert all(len(key) >= 32 for key in (*first.secret_keys, *first.api_keys))
    assert 32 == len(key_of(*first.callback_secrets))


def test_keys_differ_from_one_database_to_the_next(settings, tmp_path):
    other = with_defaults(database=str(tmp_path / "other.db"))
    first, second = with_keys(settings)[0], with_keys(other)[0]
    assert 6 == len(
        {key for keys in (first, second) for key in (*keys.secret_keys, *keys.api_keys, *keys.callback_secrets)}
    )


def test_only_the_owner_can_read_them(settings):
    with_keys(settings)
    assert 0o600 == stat.S_IMODE(key_file_path(settings).stat().st_mode)
    assert [key_file_path(settings)] == list(key_file_path(settings).parent.iterdir()), "no draft stays behind"


def test_everything_set_makes_no_file(settings):
    complete = with_defaults(
        database=settings.database,
        secret_keys=("a-signing-key",),
        api_keys=("an-api-key",),
        callback_secrets=(make_secret(bytes(24)),),
    )
    assert (complete, False) == with_keys(complete)
    assert not key_file_path(settings).exists()


@pytest.mark.parametrize("name", ["secret_keys", "api_keys", "callback_secrets"])
def test_what_is_set_goes_before_what_was_made(settings, tmp_path, name):
    chosen = {
        "secret_keys": ("a-signing-key",),
        "api_keys": ("new-key", "old-key"),
        "callback_secrets": (make_secret(bytes(32)),),
    }
    made, _ = with_keys(settings)
    mixed, _ = with_keys(with_defaults(database=settings.database, **{name: chosen[name]}))
    for field, value in chosen.items():
        assert (value if field == name else getattr(made, field)) == getattr(mixed, field)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_AAAA", "no prefix", "whsec_!!!", make_secret(bytes(65))])
def test_wrong_callback_secret_in_the_file_is_an_error_that_says_what_to_write(settings, secret):
    file = {"secret_keys": ["a"], "api_key": "b", "callback_secret": secret}
    key_file_path(settings).write_text(json.dumps(file))
    with pytest.raises(
        BadSetting, match=r"^cannot read the keys in .*callback_secret must be `whsec_` and base64 of 24"
    ):
        with_keys(settings)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{}",
        b'{"secret_keys":"a","api_key":"b","callback_secret":"c"}',
        b"\xff",
        b'{"api_key":"\xff"}',
        b"[" * 100_000,
    ],
)
def test_spoiled_file_is_a_clear_error_and_is_left_as_it_is(settings, text):
    path = key_file_path(settings)
    path.write_bytes(text)
    with pytest.raises(BadSetting, match=rf"^cannot read the keys in {path}: "):
        with_keys(settings)
    assert text == path.read_bytes()


def test_unreadable_file_is_a_clear_error(settings):
    key_file_path(settings).mkdir()
    with pytest.raises(BadSetting, match=r"cannot read the keys in .*Is a directory"):
        with_keys(settings)


def test_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(BadSetting, match=r"^cannot keep the keys in .*nowhere/my.db.keys"):
        with_keys(with_defaults(database=str(tmp_path / "nowhere" / "my.db")))


def test_who_comes_second_takes_the_keys_of_the_first(settings, monkeypatch):
    """Between the look and the making another process made the file."""
    first = {}

    def token_hex(_length):
        monkeypatch.undo()
        first["keys"] = with_keys(settings)
        return "draft"

    monkeypatch.setattr(secrets, "token_hex", token_hex)
    second, made = with_keys(settings)
    assert (first["keys"][0], False) == (second, made)


@pytest.mark.timeout(30)
def test_processes_that_start_together_have_the_same_keys(settings):
    command = [sys.executable, "-c", START, settings.database]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].partition(" ") for process in processes]
    assert ["False", "False", "True"] == sorted(made for made, _, _ in outputs)
    assert 1 == len({keys for _, _, keys in outputs})
