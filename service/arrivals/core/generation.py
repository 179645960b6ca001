"""A generation: one piece of work ordered from a provider, and all that is known of it."""

import base64
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from arrivals.core.failure import Failure
from arrivals.core.wire import Micros


class Status(StrEnum):
    """The stage of a generation."""

    PENDING = "pending"  # stored; waiting for its turn
    SUBMITTING = "submitting"  # the request may be on the wire
    SUBMITTED = "submitted"  # the provider has it
    PROCESSING = "processing"  # the provider works on it
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"  # the deadline passed without a result; a provider's own word may still close it, once


CLOSED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED})


class Origin(StrEnum):
    """The source of an observation."""

    SUBMIT = "submit"  # the answer to our submission
    WEBHOOK = "webhook"  # the provider called
    POLL = "poll"  # we asked
    STREAM = "stream"  # the provider's stream of the work
    CLOCK = "clock"  # a bounded wait ended


class VerifiedBy(StrEnum):
    """The proof of the word that closed a generation."""

    SIGNATURE = "signature"  # the webhook's body is signed
    SECRET = "secret"  # the webhook carries a secret only the provider was given  # noqa: S105 - the word, not a secret
    TOKEN = "token"  # only the unguessable address speaks for it, and nothing can be asked  # noqa: S105 - as above
    SUBMIT = "submit"  # the answer to our own authenticated submission
    POLL = "poll"  # the answer to our own authenticated question


class Output(Struct, frozen=True, kw_only=True):
    """One result. `requires_auth`: only the provider's own origin hands it out, and only with the account's key."""

    kind: str  # image | video | audio | text | file
    url: str
    content_type: str | None = None
    expires_at: Micros | None = None
    requires_auth: bool = False


def text_output(words: str, content_type: str = "text/plain;charset=utf-8") -> Output:
    """An output that is a text, which is held in its URL until it is stored."""
    content = base64.b64encode(words.encode(errors="replace")).decode()
    return Output(kind="text", url=f"data:{content_type};base64,{content}", content_type=content_type)


class Cost(Struct, frozen=True, kw_only=True):
    """The price that the provider reports: a decimal string as the provider wrote it."""

    amount: str
    currency: str = "USD"


class Held(Struct, frozen=True, kw_only=True):
    """A closing word that is not announced yet: a hint to be confirmed, or testimony that lacks what it promises."""

    status: Status
    origin: Origin
    believed: bool
    until: Micros
    failure: Failure | None = None
    verified_by: VerifiedBy | None = None


class GenerationKey(Struct, frozen=True, kw_only=True):
    """The provider of a generation, and its identity there: all that is needed to read a word about it.

    `bulk_id` is shared by what was ordered together.
    """

    id: str
    provider: str
    account: str
    route: str
    model: str
    bulk_id: str | None = None
    external_id: str | None = None


class Generation(GenerationKey, frozen=True, kw_only=True):
    """One piece of work, ours by `id` and the provider's by `external_id`.

    `external_id_hinted`: only a hint has named it so far, so that it serves to ask by and is shown to nobody.
    `outputs_requested`: how many the order asks for, where it says so. `provider_details`: what the provider said
    beside our words. `version` counts saves and guards against lost races. `held` is the closing word that waits.
    `submitted_at` is when the request that was not refused went out. `api_key` is the id of the key that ordered it,
    `order_size` what in it decides how long it takes.
    """

    status: Status
    created_at: Micros
    deadline_at: Micros
    version: int = 1
    external_id_hinted: bool = False
    provider_status: str | None = None
    progress: float | None = None
    queue_position: int | None = None
    outputs: tuple[Output, ...] = ()
    outputs_requested: int | None = None
    failure: Failure | None = None
    cost: Cost | None = None
    provider_details: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    callback_url: str | None = None
    webhook_expected: bool = False
    learned_from: Origin | None = None
    verified_by: VerifiedBy | None = None
    late: bool = False
    held: Held | None = None
    submitted_at: Micros | None = None
    closed_at: Micros | None = None
    polls: int = 0
    api_key: str | None = None
    order_size: str = ""

    @property
    def closed(self) -> bool:
        """True once a provider's closing word was announced; nothing moves it any more."""
        return self.status in CLOSED

    @property
    def ended(self) -> bool:
        """True once it closed or its deadline passed: nobody needs to wait for it any longer."""
        return self.closed or self.status is Status.EXPIRED
