"""SeaCloud, the successor of Vtrix: a queue. COMPLETED only means ended; the result takes a second call.

It refuses an order that speaks of webhooks, so none is ever told where to call.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from arrivals.core.budget import Budget
from arrivals.core.failure import Failure, FailureCode
from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.moments import retry_after_s
from arrivals.core.observation import Reading
from arrivals.providers._shared.errors import ErrorFacts, map_error
from arrivals.providers._shared.json_fields import (
    get,
    identifier,
    loose_record,
    part,
    position,
    post,
    record,
    standing,
    status_word,
    text,
)
from arrivals.providers._shared.limits import absent
from arrivals.providers._shared.results import typed_outputs
from arrivals.providers._shared.tolerance import folded, meaning, vocabulary
from arrivals.providers.contract import (
    Account,
    Adapter,
    Order,
    Refused,
    Request,
    Route,
    Target,
    Unreadable,
    no_webhooks,
)

NAME = "seacloud"
BASE_URL = "https://cloud.seaart.ai/model"
HOSTS: Mapping[str, str] = {}
DOCUMENTATION = "https://cloud.seaart.ai/docs/model-api/multimodal/errors"

# No figures are published (https://cloud.seaart.ai/docs/model-api/multimodal/setup); these are ours.
BUDGET = Budget(max_in_flight=20, requests_per_minute=120)

# https://cloud.seaart.ai/docs/model-api/multimodal/poll
# SeaCloud's status: ours, where no error stands beside it
STATUSES: Mapping[str, Status] = vocabulary(
    {
        "IN_QUEUE": Status.SUBMITTED,
        "IN_PROGRESS": Status.PROCESSING,
        "COMPLETED": Status.COMPLETED,
    }
)

# https://cloud.seaart.ai/docs/model-api/multimodal/errors
# error_type or error.code: ours
CODES: Mapping[str, FailureCode] = vocabulary(
    {
        "INFERENCE_FAILURE": FailureCode.PROVIDER_ERROR,
        "INFERENCE_TIMEOUT": FailureCode.PROVIDER_TIMEOUT,
        "REQUEST_INVALID": FailureCode.INVALID_REQUEST,
        "CONTENT_BLOCKED": FailureCode.CONTENT_POLICY,
        "INTERNAL_SERVER_ERROR": FailureCode.PROVIDER_ERROR,
        "UNAUTHORIZED": FailureCode.AUTHENTICATION,
        "RATE_LIMIT_EXCEEDED": FailureCode.RATE_LIMITED,
        "NOT_FOUND": FailureCode.RESULT_LOST,
        "ALREADY_COMPLETED": FailureCode.INVALID_REQUEST,
        **{str(code): FailureCode.INSUFFICIENT_FUNDS for code in range(40201, 40209)},  # the gateway's balance family
    }
)
MESSAGE_PATTERNS = (
    (r"^app not found", FailureCode.MODEL_NOT_FOUND),
    (r"not allowed for this user", FailureCode.PERMISSION_DENIED),
    (r"insufficient (balance|credit)", FailureCode.INSUFFICIENT_FUNDS),
    (r"webhook not supported|sse streaming not supported", FailureCode.INVALID_REQUEST),
    (r"runtime execution failed", FailureCode.PROVIDER_ERROR),
)
ACCEPTED = 202


def submit(order: Order, account: Account) -> HttpCall:
    """https://cloud.seaart.ai/docs/model-api/multimodal/submit: the model's own parameters, without a wrapper."""
    return post(account, f"/v1/queue/{quote(order.model, safe='/')}", dict(order.input))


def _request(target: Target, step: str) -> str:
    return f"/v1/queue/{quote(target.model, safe='/')}/requests/{quote(target.known_id, safe='')}/{step}"


def poll(target: Target, account: Account) -> HttpCall:
    """https://cloud.seaart.ai/docs/model-api/multimodal/poll."""
    return get(account, _request(target, "status"))


def fetch_result(target: Target, account: Account) -> HttpCall:
    """https://cloud.seaart.ai/docs/model-api/multimodal/result."""
    return get(account, _request(target, "response"))


def cancel(target: Target, account: Account) -> HttpCall:
    """http://www.odirouter.ai/docs/en/model-api/multimodal/cancel."""
    return HttpCall(method="PUT", url=account.base_url + _request(target, "cancel"), headers=account.bearer())


def read_submitted(reply: HttpReply, target: Target) -> Reading:  # noqa: ARG001 - the form of a reader
    """`{"request_id", "queue_position", …}`; the URLs beside it are known."""
    body = _ok(reply, "submit")
    external_id = identifier(body.get("request_id"))
    if external_id is None or body.get("error") or body.get("detail"):
        if body.get("error") or body.get("detail"):
            raise Refused(_failure(reply, "submit"))
        raise Unreadable("an accepted submission without an id")
    return Reading(
        status=Status.SUBMITTED, external_id=external_id, queue_position=position(body.get("queue_position"))
    )


def read_polled(reply: HttpReply, target: Target) -> Reading:
    """COMPLETED with an error beside it is a failure."""
    return _state(_ok(reply, "poll"), reply, target)


def _state(body: Mapping[str, Any], reply: HttpReply, target: Target) -> Reading:  # noqa: ARG001 - as its callers
    word = status_word(body.get("status"))
    if word is None and (body.get("error") or body.get("detail")):
        raise Refused(_failure(reply, "poll"))
    status: Status | None = standing(word, STATUSES, "poll")
    failure: Failure | None = None
    if status is Status.FAILED or (status is Status.COMPLETED and (body.get("error") or body.get("error_type"))):
        facts = replace(_error_facts(body), trace_id=None)
        if meaning(facts.provider_code, {}) is Status.CANCELED:
            status = Status.CANCELED
        else:
            status, failure = Status.FAILED, map_error(facts, None, "poll", codes=CODES, words=MESSAGE_PATTERNS)
    return Reading(
        status=status,
        provider_status=word,
        external_id=identifier(body.get("request_id")),
        queue_position=position(body.get("queue_position")),
        failure=failure,
    )


def read_result(reply: HttpReply, target: Target) -> Reading:
    """200 with the outputs; 202 with a status while it is not there yet."""
    body = _ok(reply, "poll")
    if reply.http_status == ACCEPTED or (body.get("status") and not body.get("outputs")):
        reading = _state(body, reply, target)
        # "Ended" is what brought us here; without outputs it is not told yet.
        return replace(reading, status=Status.PROCESSING) if reading.status is Status.COMPLETED else reading
    if body.get("error") or body.get("detail"):
        raise Refused(_failure(reply, "poll"))
    return Reading(
        status=Status.COMPLETED, external_id=identifier(body.get("request_id")), outputs=_outputs(body, target)
    )


def _outputs(body: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    return typed_outputs(body.get("outputs"), target.base_url)


def read_canceled(reply: HttpReply, target: Target) -> Reading:  # noqa: ARG001 - the form of a reader
    """202 says that cancellation is requested; the poll says whether it came in time."""
    body = _ok(reply, "cancel")
    return Reading(
        status=None, provider_status=status_word(body.get("status")), external_id=identifier(body.get("request_id"))
    )


def _ok(reply: HttpReply, origin: str) -> dict[str, Any]:
    if not reply.ok:
        raise Refused(_failure(reply, origin))
    return record(reply.body)


verify = no_webhooks


def _failure(reply: HttpReply, origin: str) -> Failure:
    facts = replace(_error_facts(loose_record(reply.body)), retry_after_s=retry_after_s(reply))
    return map_error(facts, reply.http_status, origin, codes=CODES, words=MESSAGE_PATTERNS)


def _error_facts(body: Mapping[str, Any]) -> ErrorFacts:
    """`{"error": text | {"code", "message"}, "error_type"}`, `{"detail"}`, `{"status": {"message", "error_code"}}`."""
    error, status = part(body, "error"), part(body, "status")
    code = text(body.get("error_type")) or identifier(error.get("code")) or identifier(status.get("error_code"))
    word = status_word(body.get("status"))
    code = code or (word if folded(word or "") in CODES else None)
    message = (
        text(error.get("message"))
        or text(body.get("error"))
        or text(body.get("detail"))
        or text(body.get("message"))
        or text(status.get("message"))
    )
    return ErrorFacts(message=message or code, provider_code=code, trace_id=identifier(body.get("request_id")))


QUEUE = Route(
    name="queue",
    models=("*",),
    # sample clients poll every 3 s; durations are not stated
    documentation="https://cloud.seaart.ai/docs/model-api/multimodal/submit",
    kind=None,
    adapter=Adapter(
        submit=submit,
        read_submitted=read_submitted,
        poll=Request(build=poll, parse=read_polled),
        fetch_result=Request(build=fetch_result, parse=read_result),
        cancel=Request(build=cancel, parse=read_canceled),
    ),
    initial_poll_delay_s=3,
    poll_every_s=3,
    usual_duration_s=(15, 240),
    max_duration_s=3600,
    limits=(
        absent(
            "webhook",
            "webhook_url",
            "webhookUrl",
            "callback_url",
            "callbackUrl",
            "webhook_secret",
            message="webhook not supported",
            says="not supported: its generations are polled",
        ),
    ),
)
ROUTES: tuple[Route, ...] = (QUEUE,)
