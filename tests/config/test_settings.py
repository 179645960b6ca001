"""Settings: every one is read, and a wrong one is named with what to write instead."""

from dataclasses import fields
import ipaddress
from pathlib import Path
import re

import pytest

from arrivals.config.declarations import BY_NAME, PREFIX, PROVIDER_SETTINGS, BadSetting, Group
from arrivals.config.settings import Settings, read_settings
from arrivals.core.cadence import RETRY_SCHEDULE_S, Cadence
from arrivals.core.standard_webhooks import make_secret
from arrivals.providers.catalog import PROVIDERS
from arrivals.store.prune import Retention

KEY = "a-key-of-16-chars"
NEW_SECRET, OLD_SECRET = make_secret(b"n" * 32), make_secret(b"o" * 32)
EXAMPLES = {
    "DATABASE": ("data/my.db", "data/my.db"),
    "DATABASE_CONNECTIONS": ("4", 4),
    "HOST": ("0.0.0.0", "0.0.0.0"),
    "PORT": ("9000", 9000),
    "PUBLIC_URL": ("https://arrivals.example.com/base/", "https://arrivals.example.com/base"),
    "SECRET_KEYS": (f"new-{KEY}, old-{KEY},", (f"new-{KEY}", f"old-{KEY}")),
    "API_KEY": (f"new-{KEY}, old-{KEY}", (f"new-{KEY}", f"old-{KEY}")),
    "CALLBACK_SECRET": (f"{NEW_SECRET}, {OLD_SECRET}", (NEW_SECRET, OLD_SECRET)),
    "ALLOW_DESTINATIONS": (
        "127.0.0.0/8, ::1/128,10.0.0.1",
        tuple(ipaddress.ip_network(network) for network in ("127.0.0.0/8", "::1/128", "10.0.0.1/32")),
    ),
    "TRUSTED_PROXIES": (
        "127.0.0.0/8, ::1/128,10.0.0.1",
        tuple(ipaddress.ip_network(network) for network in ("127.0.0.0/8", "::1/128", "10.0.0.1/32")),
    ),
    "LOG_FORMAT": ("json", "json"),
    "LOG_LEVEL": ("error", "error"),
    "WEBHOOK_MAX_BYTES": ("2048", 2048),
    "CALL_KEEP_BYTES": ("0", 0),
    **{
        f"KEEP_{what}_DAYS": ("10", 864_000.0)
        for what in ("GENERATIONS", "EVENTS", "WEBHOOKS", "CALLS", "QUARANTINE", "IDEMPOTENCY")
    },
    "POLL_FIRST_S": ("0.5", 0.5),
    "POLL_MAX_S": ("30", 30.0),
    "HELD_S": ("0", 0.0),
    "RETRY_SCHEDULE_S": ("0, 5,60.5", (0.0, 5.0, 60.5)),
}
# name: texts that are wrong, and what to write instead
WRONG = {
    "DATABASE": (["mysql://host/db", "", ":memory:", "/", "my\n.db"], "the path of an SQLite file, or postgresql://USER"),
    "DATABASE_CONNECTIONS": (["1", "1001", "many"], "a whole number from 2 to 1000"),
    "HOST": (["", "a host", "127.0.0.1\n1"], "visible ASCII characters without spaces"),
    "PORT": (["65536", "-1", "80a", "", "1.5", "8 0"], "a whole number from 0 to 65535"),
    "PUBLIC_URL": (
        ["arrivals.example.com", "ftp://a", "https://", "https://a/?b", "https://a/#b", "https://[a", "https://a:0",
         "https://a:99999", "https://a\n.example", "https://a/b c", ""],
        "a URL such as https://arrivals.example.com",
    ),
    "SECRET_KEYS": (
        ["short", f"{KEY},short", f"{KEY}\nother-{KEY}", "", ","],
        "keys of at least 16 characters, separated by commas",
    ),
    "API_KEY": (["short", "", f"{KEY},short", ","], "keys of at least 16 characters, separated by commas"),
    "CALLBACK_SECRET": (
        ["", ",", "whsec_", "whsec_AAAA", "no prefix", "whsec_!!!", f"{NEW_SECRET},{OLD_SECRET[6:]}", "whsec_é" * 8],
        "`whsec_` and base64 of 24 to 64 bytes; several separated by commas, newest first",
    ),
    "TRUSTED_PROXIES": (["localhost", "10.0.0.1/8"], "networks such as 127.0.0.0/8,10.1.0.0/16"),
    "ALLOW_DESTINATIONS": (["localhost", "10.0.0.1/8", "10.0.0.0/33"], "networks such as 127.0.0.0/8,10.1.0.0/16"),
    "LOG_FORMAT": (["xml", ""], "one of console, json"),
    "LOG_LEVEL": (["loud"], "one of debug, info, warning, error"),
    "WEBHOOK_MAX_BYTES": (["1023", "1e6"], "a whole number from 1024 to 1073741824"),
    "CALL_KEEP_BYTES": (["-1", "64k"], "a whole number from 0 to 1048576"),
    **{
        f"KEEP_{what}_DAYS": (["0", "1.5", "sometimes", ""], "a whole number of days")
        for what in ("GENERATIONS", "EVENTS", "WEBHOOKS", "CALLS", "QUARANTINE", "IDEMPOTENCY")
    },
    "POLL_FIRST_S": (["-1", "soon", "nan", "inf", ""], "a number of seconds, such as 30 or 0.5"),
    "POLL_MAX_S": (["-0.1"], "a number of seconds, such as 30 or 0.5"),
    "HELD_S": (["1m"], "a number of seconds, such as 30 or 0.5"),
    "RETRY_SCHEDULE_S": (["", "1,,2", "1;2"], "a number of seconds, such as 30 or 0.5"),
}  # fmt: skip
PROVIDER_WRONG = {
    "API_KEY": (["", "two words", "a\nline", "clé"], "visible ASCII characters without spaces or line ends"),
    "BASE_URL": (["runblob.io"], "a URL such as"),
    "WEBHOOK_SECRET": (["short"], "keys of at least 16 characters"),
    "MAX_IN_FLIGHT": (["0", "many"], "a whole number from 1 to 1000000"),
    "REQUESTS_PER_MINUTE": (["0"], "a whole number from 1 to 1000000"),
}


def value_of(settings, name):
    """The value of a setting, wherever it ends up."""
    setting = BY_NAME[name]
    places = {Group.CADENCE: settings.cadence, Group.RETENTION: settings.retention}
    return getattr(places.get(setting.group, settings), setting.target)


DEFAULTS = read_settings({})


def test_nothing_set_gives_the_defaults():
    """Those of the declarations are those that everything below has."""
    assert Path("arrivals.db") == DEFAULTS.database_path
    assert Cadence() == DEFAULTS.cadence
    assert Retention() == DEFAULTS.retention


def test_examples_stand_for_every_setting():
    assert set(BY_NAME) == set(EXAMPLES) == set(WRONG)
    assert {setting.name for setting in PROVIDER_SETTINGS} == set(PROVIDER_WRONG)


def test_every_value_of_the_settings_is_declared():
    plain = {setting.target for setting in BY_NAME.values() if setting.group not in (Group.CADENCE, Group.RETENTION)}

    assert plain == {field.name for field in fields(Settings)} - {"cadence", "retention", "accounts", "proxies"}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_setting_is_read(name):
    text, expected = EXAMPLES[name]
    settings = read_settings({PREFIX + name: text})
    assert expected == value_of(settings, name)
    assert expected != value_of(DEFAULTS, name)


@pytest.mark.parametrize("name", BY_NAME)
def test_documented_default_is_the_default(name):
    """What the table shows can be written, and changes nothing."""
    default = BY_NAME[name].default
    if default is not None:
        assert DEFAULTS == read_settings({PREFIX + name: default})
    else:
        assert value_of(DEFAULTS, name) in (None, ())


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (texts, _) in WRONG.items() for text in texts])
def test_wrong_value_is_named_with_what_to_write(name, text):
    with pytest.raises(BadSetting, match=f"^ARRIVALS_{name} must be .*{re.escape(WRONG[name][1])}"):
        read_settings({PREFIX + name: text})


@pytest.mark.parametrize(
    ("part", "text"), [(part, text) for part, (texts, _) in PROVIDER_WRONG.items() for text in texts]
)
def test_wrong_value_of_a_provider_is_named_with_what_to_write(part, text):
    with pytest.raises(BadSetting, match=f"^ARRIVALS_RUNBLOB_{part} must be .*{PROVIDER_WRONG[part][1]}"):
        read_settings({"ARRIVALS_RUNBLOB_API_KEY": "key", f"ARRIVALS_RUNBLOB_{part}": text})


AROUND = ["{}\n", "{}\r\n", " {}", "\t{} ", "\n{}\u00a0"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", BY_NAME)
def test_blanks_and_line_ends_around_a_setting_are_trimmed(name, around):
    """They come with `$(cat file)`, files of variables, and secrets that were pasted."""
    text, expected = EXAMPLES[name]

    assert expected == value_of(read_settings({PREFIX + name: around.format(text)}), name)


ACCOUNT = {
    "API_KEY": "key",
    "BASE_URL": "http://127.0.0.1:9100/runblob/",
    "WEBHOOK_SECRET": f"{KEY},older-{KEY}",
    "MAX_IN_FLIGHT": "7",
    "REQUESTS_PER_MINUTE": "8",
    "LEGACY_BASE_URL": "http://127.0.0.1:9100/legacy/",
}


@pytest.mark.parametrize("around", AROUND)
def test_blanks_and_line_ends_around_settings_of_an_account_are_trimmed(around):
    assert {setting.name for setting in PROVIDER_SETTINGS} < set(ACCOUNT)
    exact, wide = (
        read_settings({f"ARRIVALS_RUNBLOB__TEAM_{part}": form.format(text) for part, text in ACCOUNT.items()})
        for form in ("{}", around)
    )

    assert exact == wide


@pytest.mark.parametrize("quote", ['"', "'", "`"])
@pytest.mark.parametrize("name", [*BY_NAME, *(f"RUNBLOB_{part}" for part in ACCOUNT)])
def test_quotes_around_a_setting_are_refused_by_name(name, quote):
    """Shells remove them, `docker run --env-file` does not."""
    text = EXAMPLES[name][0] if name in EXAMPLES else ACCOUNT[name.removeprefix("RUNBLOB_")]
    with pytest.raises(BadSetting, match=f"^ARRIVALS_{name} must be written without the quotes around it$"):
        read_settings({PREFIX + name: f" {quote}{text}{quote}\n"})


def test_wrong_value_is_not_repeated():
    """It may be a secret that was put into the wrong place."""
    with pytest.raises(BadSetting) as caught:
        read_settings({"ARRIVALS_SECRET_KEYS": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ARRIVALS_DATABSE", "; did you mean ARRIVALS_DATABASE?"),
        ("ARRIVALS_RUNBLOB_APIKEY", "; did you mean ARRIVALS_RUNBLOB_API_KEY?"),
        ("ARRIVALS_VTRIX_WEBHOOK_SECRETS", "; did you mean ARRIVALS_VTRIX_WEBHOOK_SECRET?"),
        ("ARRIVALS_RUNBLOB__API_KEY", "; did you mean ARRIVALS_RUNBLOB_API_KEY?"),
        ("ARRIVALS_EACHLABS_SENS_BASE_URL", "; did you mean ARRIVALS_EACHLABS_SENSE_BASE_URL?"),
        ("ARRIVALS_RUNBLB__TEAM_MAX_IN_FLIGHT", "; did you mean ARRIVALS_RUNBLOB_MAX_IN_FLIGHT?"),
        ("ARRIVALS_XYZZY", ""),
        ("ARRIVALS_FOO_API_KEY", f"; the providers are {', '.join(PROVIDERS)}"),
        ("ARRIVALS_REPLICATE__TEAM_BASE_URL", f"; the providers are {', '.join(PROVIDERS)}"),
    ],
)
def test_unknown_name_is_an_error_that_suggests_the_nearest(name, hint):
    with pytest.raises(BadSetting, match=f"^there is no setting {name}{re.escape(hint)}$"):
        read_settings({name: "value"})


@pytest.mark.parametrize("text", ["postgresql://u:p@host:5433/db", "postgres://host/db", "postgresql:///db?host=/tmp"])
def test_database_may_be_a_server(text):
    settings = read_settings({"ARRIVALS_DATABASE": text})

    assert (text, None) == (settings.database, settings.database_path)
    assert "u:p" not in repr(settings)


@pytest.mark.parametrize("text", ["postgresql://host", "postgresql://host:99999/db", "postgresql://[host/db"])
def test_server_without_a_database_is_refused(text):
    with pytest.raises(BadSetting, match="ARRIVALS_DATABASE must be postgresql://USER:PASSWORD@HOST/DATABASE"):
        read_settings({"ARRIVALS_DATABASE": text})


def test_what_is_not_ours_is_not_read():
    assert DEFAULTS == read_settings({"PATH": "/bin", "DATABASE": "other", "XARRIVALS_PORT": "1"})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_provider_is_configured_by_its_key(provider):
    settings = read_settings({f"ARRIVALS_{provider.upper()}_API_KEY": "key"})
    ((key, configured),) = settings.accounts.items()
    assert (provider, "default") == key
    assert ("key", PROVIDERS[provider].BASE_URL, ()) == (
        configured.account.api_key,
        configured.account.base_url,
        configured.account.webhook_secrets,
    )
    assert PROVIDERS[provider].BUDGET == configured.budget


@pytest.mark.parametrize(
    ("infix", "account"), [("_", "default"), ("__TEAM_B_", "team_b"), ("__API_KEY_", "api_key"), ("__X_", "x")]
)
def test_every_setting_of_an_account_is_read(infix, account):
    values = {
        "API_KEY": "key",
        "BASE_URL": "http://127.0.0.1:9100/runblob/",
        "WEBHOOK_SECRET": f"{KEY},older-{KEY}",
        "MAX_IN_FLIGHT": "7",
        "REQUESTS_PER_MINUTE": "8",
    }
    assert {setting.name for setting in PROVIDER_SETTINGS} == set(values)
    settings = read_settings({f"ARRIVALS_RUNBLOB{infix}{part}": text for part, text in values.items()})
    configured = settings.accounts["runblob", account]
    assert ("key", "http://127.0.0.1:9100/runblob", (KEY, f"older-{KEY}")) == (
        configured.account.api_key,
        configured.account.base_url,
        configured.account.webhook_secrets,
    )
    assert (7, 8) == (configured.budget.max_in_flight, configured.budget.requests_per_minute)
    assert 1 == len(settings.accounts)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_further_hosts_are_the_public_ones_unless_set(provider):
    settings = read_settings({f"ARRIVALS_{provider.upper()}_API_KEY": "key"})
    assert PROVIDERS[provider].HOSTS == settings.accounts[provider, "default"].account.hosts


@pytest.mark.parametrize(
    ("infix", "account"),
    [("_", "default"), ("__TEAM_", "team"), ("__TEAM_SENSE_", "team_sense"), ("__SENSE_", "sense")],
)
@pytest.mark.parametrize(
    ("provider", "host"), [(name, host) for name, provider in PROVIDERS.items() for host in provider.HOSTS]
)
def test_every_further_host_can_be_set(infix, account, provider, host):
    """Its own setting and that of the provider's host do not touch each other."""
    mine = f"ARRIVALS_{provider.upper()}{infix}"
    settings = read_settings({f"{mine}API_KEY": "key", f"{mine}{host.upper()}_BASE_URL": "http://127.0.0.1:9100/it/"})
    ((key, configured),) = settings.accounts.items()
    assert (provider, account) == key
    assert {**PROVIDERS[provider].HOSTS, host: "http://127.0.0.1:9100/it"} == configured.account.hosts
    assert PROVIDERS[provider].BASE_URL == configured.account.base_url


def test_host_of_an_account_is_no_account_of_that_name():
    """`…__TEAM_SENSE_BASE_URL` is the host `sense` of `team`; only what it does not name belongs to `team_sense`."""
    settings = read_settings(
        {
            "ARRIVALS_EACHLABS__TEAM_API_KEY": "key",
            "ARRIVALS_EACHLABS__TEAM_SENSE_BASE_URL": "http://127.0.0.1:9100/sense",
            "ARRIVALS_EACHLABS__TEAM_BASE_URL": "http://127.0.0.1:9100/api",
        }
    )
    account = settings.accounts["eachlabs", "team"].account
    assert 1 == len(settings.accounts)
    assert ("http://127.0.0.1:9100/api", {"sense": "http://127.0.0.1:9100/sense"}) == (account.base_url, account.hosts)


def test_host_of_another_provider_is_an_account_of_its_own():
    settings = read_settings({"ARRIVALS_RUNBLOB__SENSE_API_KEY": "key", "ARRIVALS_RUNBLOB__SENSE_BASE_URL": "http://a"})
    assert [("runblob", "sense")] == list(settings.accounts)


def test_wrong_host_is_named_with_what_to_write():
    with pytest.raises(BadSetting, match=r"^ARRIVALS_EACHLABS_SENSE_BASE_URL must be a URL such as"):
        read_settings({"ARRIVALS_EACHLABS_API_KEY": "key", "ARRIVALS_EACHLABS_SENSE_BASE_URL": "sense.example"})


def test_host_without_the_accounts_key_is_an_error():
    with pytest.raises(BadSetting, match=r"^ARRIVALS_EACHLABS_API_KEY is not set"):
        read_settings({"ARRIVALS_EACHLABS_SENSE_BASE_URL": "https://sense.example"})


@pytest.mark.parametrize("name", ["ARRIVALS_RUNBLOB_SENSE_BASE_URL", "ARRIVALS_EACHLABS_NOBODY_BASE_URL"])
def test_host_that_a_provider_does_not_have_is_an_error(name):
    with pytest.raises(BadSetting, match=f"^there is no setting {name}"):
        read_settings({name: "https://sense.example"})


def test_accounts_stand_beside_each_other():
    names = ("RUNBLOB_API_KEY", "RUNBLOB__TEAM_B_API_KEY", "VTRIX__TEAM_B_API_KEY")
    settings = read_settings({PREFIX + name: f"key-of-{name}" for name in names})
    assert {
        ("runblob", "default"): "key-of-RUNBLOB_API_KEY",
        ("runblob", "team_b"): "key-of-RUNBLOB__TEAM_B_API_KEY",
        ("vtrix", "team_b"): "key-of-VTRIX__TEAM_B_API_KEY",
    } == {key: configured.account.api_key for key, configured in settings.accounts.items()}


@pytest.mark.parametrize("infix", ["_", "__TEAM_B_"])
def test_account_without_its_key_is_an_error(infix):
    with pytest.raises(BadSetting, match=f"^ARRIVALS_RUNBLOB{infix}API_KEY is not set, but other settings"):
        read_settings({f"ARRIVALS_RUNBLOB{infix}MAX_IN_FLIGHT": "7"})


def test_secrets_stay_out_of_the_repr():
    secret = "s3cret-of-16-chars"
    names = ("SECRET_KEYS", "API_KEY", "RUNBLOB_API_KEY", "RUNBLOB_WEBHOOK_SECRET")
    settings = read_settings({f"{PREFIX}CALLBACK_SECRET": NEW_SECRET, **{PREFIX + name: secret for name in names}})
    assert [] == [text for text in (secret, NEW_SECRET) if text in repr(settings)]


def test_shown_schedule_is_the_schedule():
    assert RETRY_SCHEDULE_S == tuple(float(wait) for wait in BY_NAME["RETRY_SCHEDULE_S"].default.split(","))
