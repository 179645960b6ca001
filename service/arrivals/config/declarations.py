"""Every setting, declared once: its name, its parser, its default, its description and its group.

Parsing, errors, the doctor and the table in docs/operating.md are made from these declarations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from arrivals.config import parsing
from arrivals.core.cadence import RETRY_SCHEDULE_S
from arrivals.providers.contract import Provider

PREFIX = "ARRIVALS_"


class Group(StrEnum):
    """The subject of a setting; the sections of the table."""

    STORAGE = "Storage"
    NETWORK = "Network"
    KEYS = "Keys and secrets"
    LOGS = "Logs"
    LIMITS = "Limits"
    RETENTION = "Retention"
    CADENCE = "Polling and delivery"
    PROVIDER = "Providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `parse` returns its value or raises ValueError with what to write instead.

    `default` is written as in the environment; None where the setting may be unset, which the table shows as `unset`
    and which has the value `empty`. `field`: the name of its value, if it is not the setting's.
    """

    name: str
    group: Group
    parse: Callable[[str], Any]
    words: str
    default: str | None = None
    unset: str = "-"
    empty: Any = None
    field: str = ""

    @property
    def target(self) -> str:
        """The name of its value."""
        return self.field or self.name.lower()

    @property
    def default_value(self) -> Any:
        """The value where nothing is set."""
        return self.empty if self.default is None else self.parse(self.default)

    def read(self, text: str, name: str = "") -> Any:
        """The value of this text. Raises BadSetting; `name`: as the setting is called where it has a prefix."""
        try:
            return self.parse(parsing.trimmed(text))
        except ValueError as error:
            raise BadSetting(f"{PREFIX}{name or self.name} must be {error}") from error


class BadSetting(ValueError):
    """A setting cannot be used; the message names it and says what to write instead."""


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="DATABASE", group=Group.STORAGE, parse=parsing.database,
        default="arrivals.db",
        words="The SQLite file that holds everything, made at the first start; or `postgresql://…`.",
    ),
    Setting(
        name="DATABASE_CONNECTIONS", group=Group.STORAGE, parse=parsing.whole(2, 1000),
        default="16",
        words="The most connections that one process makes to PostgreSQL.",
    ),
    Setting(
        name="HOST", group=Group.NETWORK, parse=parsing.plain,
        default="127.0.0.1",
        words="The address to listen on.",
    ),
    Setting(
        name="PORT", group=Group.NETWORK, parse=parsing.whole(0, 65535),
        default="8080",
        words="The port to listen on; 0 takes a free one.",
    ),
    Setting(
        name="PUBLIC_URL", group=Group.NETWORK, parse=parsing.url,
        default=None,
        words="Where providers reach this service. If unset, no callback URL is sent and polling does all the work.",
    ),
    Setting(
        name="ALLOW_DESTINATIONS", group=Group.NETWORK, parse=parsing.networks,
        default=None, empty=(),
        words="Networks that subscribers, callbacks and outputs may lead to although they are not public.",
    ),
    Setting(
        name="TRUSTED_PROXIES", group=Group.NETWORK, parse=parsing.networks,
        default=None, empty=(),
        words="Networks of proxies in front, whose `X-Forwarded-For` names the caller; separated by commas.",
    ),
    Setting(
        name="SECRET_KEYS", group=Group.KEYS, parse=parsing.keys,
        default=None, empty=(), unset="made at first start",
        words="Sign callback tokens; to rotate, several separated by commas, newest first.",
    ),
    Setting(
        name="API_KEY", group=Group.KEYS, parse=parsing.api_keys,
        default=None, empty=(), unset="made at first start", field="api_keys",
        words="An API key with every scope, of at least 16 characters; to rotate, several by commas, newest first.",
    ),
    Setting(
        name="CALLBACK_SECRET", group=Group.KEYS, parse=parsing.signing_secrets,
        default=None, empty=(), unset="made at first start", field="callback_secrets",
        words="Signs events to orders' own `callback_url`: `whsec_` + base64; to rotate, several by commas.",
    ),
    Setting(
        name="LOG_FORMAT", group=Group.LOGS, parse=parsing.choice("console", "json"),
        default="console",
        words="The format of log lines: `console` or `json`.",
    ),
    Setting(
        name="LOG_LEVEL", group=Group.LOGS, parse=parsing.choice("debug", "info", "warning", "error"),
        default="info",
        words="The lowest level that is logged: `debug`, `info`, `warning` or `error`.",
    ),
    Setting(
        name="WEBHOOK_MAX_BYTES", group=Group.LIMITS, parse=parsing.whole(1024, 2**30),
        default="1048576",
        words="A larger webhook is answered 413.",
    ),
    Setting(
        name="CALL_KEEP_BYTES", group=Group.LIMITS, parse=parsing.whole(0, 2**20),
        default="65536",
        words="How many bytes of a provider's answer are kept for the timeline; 0 keeps none.",
    ),
    Setting(
        name="KEEP_GENERATIONS_DAYS", group=Group.RETENTION, parse=parsing.days,
        default="forever", field="generations_s",
        words="How long a closed generation is kept, with its order and outputs.",
    ),
    Setting(
        name="KEEP_EVENTS_DAYS", group=Group.RETENTION, parse=parsing.days,
        default="90", field="events_s",
        words="How long events are kept, with their deliveries and observations.",
    ),
    Setting(
        name="KEEP_WEBHOOKS_DAYS", group=Group.RETENTION, parse=parsing.days,
        default="30", field="webhooks_s",
        words="How long stored webhooks are kept after they were read.",
    ),
    Setting(
        name="KEEP_CALLS_DAYS", group=Group.RETENTION, parse=parsing.days,
        default="30", field="calls_s",
        words="How long requests to providers are kept, with their answers.",
    ),
    Setting(
        name="KEEP_QUARANTINE_DAYS", group=Group.RETENTION, parse=parsing.days,
        default="30", field="quarantine_s",
        words="How long refused webhooks are kept, to be verified again.",
    ),
    Setting(
        name="KEEP_IDEMPOTENCY_DAYS", group=Group.RETENTION, parse=parsing.days,
        default="30", field="idempotency_s",
        words="How long an idempotency key is remembered.",
    ),
    Setting(
        name="POLL_FIRST_S", group=Group.CADENCE, parse=parsing.seconds,
        default=None, unset="learned",
        words="From a submission to the first poll; further ones follow at growing intervals. Unset: as is learned.",
    ),
    Setting(
        name="POLL_MAX_S", group=Group.CADENCE, parse=parsing.seconds,
        default="60",
        words="The longest time between two polls of one generation; up to four times that if a webhook is likely.",
    ),
    Setting(
        name="HELD_S", group=Group.CADENCE, parse=parsing.seconds,
        default="120",
        words="How long an end without its output or reason is held back to wait for it.",
    ),
    Setting(
        name="RETRY_SCHEDULE_S", group=Group.CADENCE, parse=parsing.schedule,
        default=",".join(f"{wait:g}" for wait in RETRY_SCHEDULE_S),
        words="Waits before a delivery's first and further attempts.",
    ),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}

# Preceded by the provider's name, or the provider's and the account's: RUNBLOB_API_KEY, RUNBLOB__TEAM_B_API_KEY.
PROVIDER_SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="API_KEY", group=Group.PROVIDER, parse=parsing.plain, unset="-",
        words="The provider's key. Setting it is what configures the provider.",
    ),
    Setting(
        name="BASE_URL", group=Group.PROVIDER, parse=parsing.url, unset="by provider",
        words="The provider's host, if not its public one; what is set here is trusted.",
    ),
    Setting(
        name="WEBHOOK_SECRET", group=Group.PROVIDER, parse=parsing.keys, unset="by provider",
        words="The secret of its webhooks; to rotate, several by commas, newest first.",
    ),
    Setting(
        name="MAX_IN_FLIGHT", group=Group.PROVIDER, parse=parsing.whole(1, 10**6), unset="by provider",
        words="The most generations in flight at once.",
    ),
    Setting(
        name="REQUESTS_PER_MINUTE", group=Group.PROVIDER, parse=parsing.whole(1, 10**6), unset="by provider",
        words="The most requests a minute, submissions and polls together.",
    ),
)  # fmt: skip


def provider_settings(provider: Provider) -> dict[str, Setting]:
    """The settings of a provider by the part after its name: those of every provider, and those of its further hosts.

    The longest first: `SENSE_BASE_URL` ends in `BASE_URL` but is no account called sense.
    """
    hosts = tuple(
        Setting(
            name=f"{name.upper()}_BASE_URL", group=Group.PROVIDER, parse=parsing.url, unset=f"`{url}`",
            words=f"The host of `{name}`, like `BASE_URL`.",
        )
        for name, url in provider.HOSTS.items()
    )  # fmt: skip
    return {setting.name: setting for setting in (*hosts, *PROVIDER_SETTINGS)}
