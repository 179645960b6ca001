"""Settings: read once from the environment, each documented here. Nothing below this floor reads configuration.

`ARRIVALS_` stands before every name. The table in docs/operating.md is made from `FIELDS` and `PROVIDER_FIELDS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
import difflib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from arrivals.config import parsing as values
from arrivals.core.budget import Budget
from arrivals.core.cadence import RETRY_SCHEDULE_S, Cadence
from arrivals.logs import LogFormat
from arrivals.outbound.policy import Network
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Provider
from arrivals.store.engine.connect import on_server
from arrivals.store.prune import Retention

PREFIX = "ARRIVALS_"


class BadSetting(ValueError):
    """A setting cannot be used; the message names it and says what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """One provider account as set."""

    account: Account
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Secrets stay out of the repr."""

    database: str = field(default="arrivals.db", repr=False)
    database_connections: int = 16
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    api_key: str | None = field(default=None, repr=False)
    callback_secret: str | None = field(default=None, repr=False)
    allow_destinations: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    log_format: LogFormat = "console"
    log_level: str = "info"
    webhook_max_bytes: int = 1_048_576
    call_keep_bytes: int = 65_536
    cadence: Cadence = field(default_factory=Cadence)
    retention: Retention = field(default_factory=Retention)
    accounts: Mapping[tuple[str, str], AccountSettings] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything here that nobody may see."""
        accounts = [found.account for found in self.accounts.values()]
        password = urlsplit(self.database).password if self.database_path is None else None
        own = (*self.secret_keys, self.api_key, self.callback_secret, password and unquote(password))
        theirs = (secret for account in accounts for secret in (account.api_key, *account.webhook_secrets))
        return tuple(secret for secret in (*own, *theirs) if secret)

    @property
    def database_path(self) -> Path | None:
        """The SQLite file; None where a server keeps everything."""
        return None if on_server(self.database) else Path(self.database)


# name: (reader, default as shown, what it is)
FIELDS: Mapping[str, tuple[Callable[[str], Any], str, str]] = {
    "DATABASE": (
        values.database,
        "arrivals.db",
        "The SQLite file that holds everything, made at the first start; or `postgresql://…`.",
    ),
    "DATABASE_CONNECTIONS": (values.whole(2, 1000), "16", "The most connections that one process makes to PostgreSQL."),
    "HOST": (values.plain, "127.0.0.1", "The address to listen on."),
    "PORT": (values.whole(0, 65535), "8080", "The port to listen on; 0 takes a free one."),
    "PUBLIC_URL": (
        values.url,
        "",
        "Where providers reach this service. If unset, no callback URL is sent and polling does all the work.",
    ),
    "SECRET_KEYS": (
        values.keys,
        "made at first start",
        "Sign callback tokens; to rotate, several separated by commas, newest first.",
    ),
    "API_KEY": (values.key, "made at first start", "An API key with every scope; `arrivals keys` makes further ones."),
    "CALLBACK_SECRET": (
        values.plain,
        "made at first start",
        "Signs events to orders' own `callback_url`: `whsec_` + base64.",
    ),
    "ALLOW_DESTINATIONS": (
        values.networks,
        "",
        "Networks that subscribers, callbacks and outputs may lead to although they are not public.",
    ),
    "TRUSTED_PROXIES": (
        values.networks,
        "",
        "Networks of proxies in front, whose `X-Forwarded-For` names the caller; separated by commas.",
    ),
    "LOG_FORMAT": (values.choice("console", "json"), "console", "The format of log lines: `console` or `json`."),
    "LOG_LEVEL": (
        values.choice("debug", "info", "warning", "error"),
        "info",
        "The lowest level that is logged: `debug`, `info`, `warning` or `error`.",
    ),
    "WEBHOOK_MAX_BYTES": (values.whole(1024, 2**30), "1048576", "A larger webhook is answered 413."),
    "CALL_KEEP_BYTES": (
        values.whole(0, 2**20),
        "65536",
        "How many bytes of a provider's answer are kept for the timeline; 0 keeps none.",
    ),
    "KEEP_GENERATIONS_DAYS": (
        values.days,
        "forever",
        "How long a closed generation is kept, with its order and outputs.",
    ),
    "KEEP_EVENTS_DAYS": (values.days, "90", "How long events are kept, with their deliveries and observations."),
    "KEEP_WEBHOOKS_DAYS": (values.days, "30", "How long stored webhooks are kept after they were read."),
    "KEEP_CALLS_DAYS": (values.days, "30", "How long requests to providers are kept, with their answers."),
    "KEEP_QUARANTINE_DAYS": (values.days, "30", "How long refused webhooks are kept, to be verified again."),
    "KEEP_IDEMPOTENCY_DAYS": (values.days, "30", "How long an idempotency key is remembered."),
    "POLL_FIRST_S": (
        values.seconds,
        "by provider",
        "From a submission to the first poll, in place of what the provider documents.",
    ),
    "POLL_MAX_S": (values.seconds, "60", "The longest time between two polls of one generation."),
    "HELD_S": (values.seconds, "120", "How long an end without its output or reason is held back to wait for it."),
    "RETRY_SCHEDULE_S": (
        values.schedule,
        ",".join(f"{wait:g}" for wait in RETRY_SCHEDULE_S),
        "Waits before a delivery's first and further attempts.",
    ),
}

# name after the provider's: (reader, what it is)
PROVIDER_FIELDS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "API_KEY": (values.plain, "The provider's key. Setting it is what configures the provider."),
    "BASE_URL": (values.url, "The provider's host, if not its public one; what is set here is trusted."),
    "WEBHOOK_SECRET": (values.keys, "The secret of its webhooks; to rotate, several by commas, newest first."),
    "MAX_IN_FLIGHT": (values.whole(1, 10**6), "The most generations in flight at once."),
    "REQUESTS_PER_MINUTE": (values.whole(1, 10**6), "The most requests a minute, submissions and polls together."),
}


def host_fields(provider: Provider) -> dict[str, tuple[Callable[[str], Any], str]]:
    """The settings that name a provider's further hosts."""
    return {
        f"{name.upper()}_BASE_URL": (values.url, f"The host of `{name}`, like `BASE_URL`.")
        for name, url in provider.HOSTS.items()
    }


RETENTIONS = {
    "KEEP_GENERATIONS_DAYS": "generations_s",
    "KEEP_EVENTS_DAYS": "events_s",
    "KEEP_WEBHOOKS_DAYS": "webhooks_s",
    "KEEP_CALLS_DAYS": "calls_s",
    "KEEP_QUARANTINE_DAYS": "quarantine_s",
    "KEEP_IDEMPOTENCY_DAYS": "idempotency_s",
}
CADENCES = {
    "POLL_FIRST_S": "poll_first_s",
    "POLL_MAX_S": "poll_max_s",
    "HELD_S": "held_s",
    "RETRY_SCHEDULE_S": "retry_schedule_s",
}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings an environment gives. Raises BadSetting, also for a name nobody reads."""
    given = {name.removeprefix(PREFIX): text for name, text in environment.items() if name.startswith(PREFIX)}
    plain: dict[str, Any] = {}
    cadence: dict[str, Any] = {}
    retention: dict[str, Any] = {}
    providers: dict[tuple[str, str], dict[str, Any]] = {}
    for name, text in given.items():
        if name in FIELDS:
            place = cadence if name in CADENCES else retention if name in RETENTIONS else plain
            called = (CADENCES | RETENTIONS).get(name, name.lower())
            place[called] = _value(name, FIELDS[name][0], text)
            continue
        provider, account, part = _provider_setting(name)
        providers.setdefault((provider, account), {})[part] = _value(name, _reader_of(provider, part), text)
    accounts = {key: _account(*key, parts) for key, parts in providers.items()}
    return Settings(cadence=Cadence(**cadence), retention=Retention(**retention), accounts=accounts, **plain)


def _value(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise BadSetting(f"{PREFIX}{name} must be {error}") from error


def _reader_of(provider: str, part: str) -> Callable[[str], Any]:
    fields = {**PROVIDER_FIELDS, **host_fields(PROVIDERS[provider])}
    return fields[part][0]


def _provider_setting(name: str) -> tuple[str, str, str]:
    """`RUNBLOB_API_KEY` → (runblob, default, API_KEY); `RUNBLOB__TEAM_B_API_KEY` → (runblob, team_b, API_KEY)."""
    for provider, module in PROVIDERS.items():
        # The longest first: `SENSE_BASE_URL` ends in `BASE_URL` and is no account called sense.
        for part in [*host_fields(module), *PROVIDER_FIELDS]:
            if name == f"{provider.upper()}_{part}":
                return provider, "default", part
            head, tail = f"{provider.upper()}__", f"_{part}"
            if name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail):
                return provider, name[len(head) : -len(tail)].lower(), part
    parts = {provider: [*host_fields(module), *PROVIDER_FIELDS] for provider, module in PROVIDERS.items()}
    known = [*FIELDS, *(f"{provider.upper()}_{part}" for provider, names in parts.items() for part in names)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
    raise BadSetting(f"there is no setting {PREFIX}{name}{hint}")


def _account(provider: str, account: str, parts: Mapping[str, Any]) -> AccountSettings:
    if "API_KEY" not in parts:
        infix = "_" if account == "default" else f"__{account.upper()}_"
        raise BadSetting(f"{PREFIX}{provider.upper()}{infix}API_KEY is not set, but other settings of that account are")
    module = PROVIDERS[provider]
    budget = replace(
        module.BUDGET,
        max_in_flight=parts.get("MAX_IN_FLIGHT", module.BUDGET.max_in_flight),
        requests_per_minute=parts.get("REQUESTS_PER_MINUTE", module.BUDGET.requests_per_minute),
    )
    return AccountSettings(
        account=Account(
            base_url=parts.get("BASE_URL", module.BASE_URL),
            api_key=parts["API_KEY"],
            webhook_secrets=parts.get("WEBHOOK_SECRET", ()),
            hosts={name: parts.get(f"{name.upper()}_BASE_URL", url) for name, url in module.HOSTS.items()},
        ),
        budget=budget,
    )
