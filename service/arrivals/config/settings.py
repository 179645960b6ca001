"""Settings, read once from the environment by `declarations.py`. No other package reads configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from arrivals.config.declarations import (
    BY_NAME,
    PREFIX,
    SETTINGS,
    BadSetting,
    Group,
    Setting,
    provider_settings,
)
from arrivals.config.surroundings import check_authorities, usable_proxies
from arrivals.core.budget import Budget
from arrivals.core.cadence import Cadence
from arrivals.core.nearest import nearest
from arrivals.core.proxies import Proxies
from arrivals.logs import LogFormat
from arrivals.outbound.policy import Network
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account
from arrivals.store.engine.connect import on_server
from arrivals.store.prune import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """The settings of one provider account."""

    account: Account
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Secrets stay out of the repr."""

    database: str = field(repr=False)
    database_connections: int
    host: str
    port: int
    public_url: str | None
    secret_keys: tuple[str, ...] = field(repr=False)
    api_keys: tuple[str, ...] = field(repr=False)
    callback_secrets: tuple[str, ...] = field(repr=False)
    allow_destinations: tuple[Network, ...]
    trusted_proxies: tuple[Network, ...]
    log_format: LogFormat
    log_level: str
    webhook_max_bytes: int
    call_keep_bytes: int
    cadence: Cadence
    retention: Retention
    accounts: Mapping[tuple[str, str], AccountSettings]
    proxies: Proxies = field(default_factory=Proxies, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret among the settings."""
        accounts = [account.account for account in self.accounts.values()]
        password = urlsplit(self.database).password if self.database_path is None else None
        own = (*self.secret_keys, *self.api_keys, *self.callback_secrets, password and unquote(password))
        own += self.proxies.passwords
        theirs = (secret for account in accounts for secret in (account.api_key, *account.webhook_secrets))
        return tuple(secret for secret in (*own, *theirs) if secret)

    @property
    def database_path(self) -> Path | None:
        """The SQLite file; None where a server keeps everything."""
        return None if on_server(self.database) else Path(self.database)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment. Raises BadSetting, also for an unknown name."""
    check_authorities(environment)
    texts = {name.removeprefix(PREFIX): text for name, text in environment.items() if name.startswith(PREFIX)}
    values: dict[Group, dict[str, Any]] = {group: {} for group in Group}
    for setting in SETTINGS:
        values[setting.group][setting.target] = setting.default_value
    providers: dict[tuple[str, str], dict[str, Any]] = {}
    for name, text in texts.items():
        if name in BY_NAME:
            setting = BY_NAME[name]
            values[setting.group][setting.target] = setting.read(text)
            continue
        provider, account, setting = _provider_setting(name)
        providers.setdefault((provider, account), {})[setting.name] = setting.read(text, name)
    accounts = {key: _account(*key, parts) for key, parts in providers.items()}
    cadence, retention = Cadence(**values.pop(Group.CADENCE)), Retention(**values.pop(Group.RETENTION))
    plain = {name: value for group in values.values() for name, value in group.items()}
    called = [url for theirs in accounts.values() for url in (theirs.account.base_url, *theirs.account.hosts.values())]
    proxies = usable_proxies(environment, called)
    return Settings(cadence=cadence, retention=retention, accounts=accounts, proxies=proxies, **plain)


def _provider_setting(name: str) -> tuple[str, str, Setting]:
    """(runblob, default, API_KEY) of `RUNBLOB_API_KEY`; (runblob, team_b, API_KEY) of `RUNBLOB__TEAM_B_API_KEY`."""
    for provider, module in PROVIDERS.items():
        for part, setting in provider_settings(module).items():
            if name == f"{provider.upper()}_{part}":
                return provider, "default", setting
            head, tail = f"{provider.upper()}__", f"_{part}"
            if name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail):
                return provider, name[len(head) : -len(tail)].lower(), setting
    raise BadSetting(f"there is no setting {PREFIX}{name}{_hint(name)}")


def _hint(name: str) -> str:
    """The name that was probably meant: the nearest setting, or a provider's, where the name ends as one of those."""
    theirs = {
        f"{provider.upper()}_{part}": part
        for provider, module in PROVIDERS.items()
        for part in provider_settings(module)
    }
    endings = [part for part in theirs.values() if name.endswith(f"_{part}")]
    if endings:
        part = max(endings, key=len)
        heads = [other.removesuffix(part) for other in theirs if other.endswith(f"_{part}")]
        head = nearest(name.removesuffix(part), heads)
        near = head and head + part
    else:
        near = nearest(name, [*BY_NAME, *theirs])
    if near:
        return f"; did you mean {PREFIX}{near}?"
    return f"; the providers are {', '.join(PROVIDERS)}" if endings else ""


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
