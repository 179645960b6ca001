"""AiHubMix's image routes. They are synchronous: the answer to a submission is the image, as a URL or as base64."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.generation import Output, Status
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.observation import Reading
from arrivals.providers._shared.json_fields import identifier, part, post, record, status_word
from arrivals.providers._shared.limits import required
from arrivals.providers._shared.results import results
from arrivals.providers._shared.tolerance import meaning
from arrivals.providers.aihubmix.errors import reply_failure, task_failure
from arrivals.providers.aihubmix.videos import STATUSES
from arrivals.providers.contract import Account, Adapter, Order, Refused, Route, Target, Unreadable

# https://docs.aihubmix.com/en/FAQs/HTTP-Codes
PROMPT = required("prompt", code="prompt_missing", message="prompt is required")

IDS = ("id", "task_id", "taskId", "request_id")


def submit_prediction(order: Order, account: Account) -> HttpCall:
    """https://docs.aihubmix.com/en/api/Image-Gen."""
    return post(account, f"/v1/models/{quote(order.model, safe='/')}/predictions", {"input": dict(order.input)})


def submit_image(order: Order, account: Account) -> HttpCall:
    """https://docs.aihubmix.com/en/api/Image-Gen (the OpenAI-compatible path)."""
    model = order.model.removeprefix("images/")
    return post(account, "/v1/images/generations", {**order.input, "model": model})


def read_submitted(reply: HttpReply, target: Target) -> Reading:
    """The finished images, or an id for models that are documented to take two steps. There is no poll."""
    if not reply.ok:
        raise Refused(reply_failure(reply, "submit"))
    body = record(reply.body)
    word = status_word(body.get("status"))
    status = Status.COMPLETED if word is None else meaning(word, STATUSES)
    outputs = _outputs(body, target)
    if status is Status.FAILED or (body.get("error") and not outputs):
        raise Refused(reply_failure(reply, "submit") if body.get("error") else task_failure(body, "submit"))
    external_id = _id(body) or _id(part({"first": _first(body.get("output"))}, "first"))
    if outputs:
        return Reading(status=Status.COMPLETED, provider_status=word, external_id=external_id, outputs=outputs)
    if external_id is None and ("data" in body or "output" in body):
        raise Refused(make_failure(FailureCode.OUTPUT_MISSING, origin="submit"))
    if external_id is None:
        raise Unreadable("neither an image nor an id")
    return Reading(
        status=Status.SUBMITTED if status is Status.COMPLETED else status,
        provider_status=word,
        external_id=external_id,
    )


def _id(body: Mapping[str, Any]) -> str | None:
    return next((external_id for name in IDS if (external_id := identifier(body.get(name)))), None)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _outputs(body: Mapping[str, Any], target: Target) -> tuple[Output, ...]:
    """Every image under `output` or `data`, in order; one that comes as URL and base64 counts once."""
    values = body.get("output") if body.get("output") is not None else body.get("data")
    return results(values, target.base_url)


def _route(name: str, models: tuple[str, ...], adapter: Adapter) -> Route:
    return Route(
        name=name,
        models=models,
        documentation="https://docs.aihubmix.com/en/api/Image-Gen",
        kind="image",
        adapter=adapter,
        usual_duration_s=(5, 90),
        max_duration_s=300,
        answer_s=300,
        limits=(PROMPT,),
    )


PREDICTIONS = _route(
    "predictions",
    ("*/*", "imagen-*", "flux-*", "FLUX*", "Qwen-Image*", "qwen-image*", "irag-*", "ernie-irag-*", "doubao-seedream-*"),
    Adapter(submit=submit_prediction, read_submitted=read_submitted),
)
IMAGES = _route(
    "images",
    ("images/*", "gpt-image-*", "dall-e-*"),
    Adapter(submit=submit_image, read_submitted=read_submitted),
)
