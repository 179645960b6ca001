"""The body of an order on LaoZhang's `/v1/videos`: a form with files, or JSON. Only pictures are checked here."""

from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from typing import Any

from starlette.requests import Request

from arrivals.lab.rehearsal.laozhang.errors import REFUSALS
from arrivals.lab.rehearsal.stand_in import read_json
from arrivals.lab.rehearsal.state import Outcome

FORM = "multipart/form-data"
_HEAD_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a form: its name and its first bytes."""

    name: str
    head: bytes


async def read(request: Request) -> tuple[dict[str, Any], bool]:
    """The order's fields, and whether they came as a form. There are none if the body is neither a form nor JSON."""
    kind = request.headers.get("content-type", "")
    raw = await request.body()
    if kind.startswith(FORM):
        return fields(kind, raw), True
    body = read_json(raw)
    return (body if isinstance(body, dict) else {}), False


def fields(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a multipart/form-data body, each as text or as a File."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed: dict[str, Any] = {}
    for part in BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts():
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            file = part.get_filename()
            parsed[name] = value.decode(errors="replace") if file is None else File(name=file, head=value[:_HEAD_BYTES])
    return parsed


def picture_fault(value: Any) -> Outcome | None:
    """The refusal of an `input_reference` that is not an uploaded JPEG, PNG or WebP."""
    if value is None:
        return None
    head = value.head if isinstance(value, File) else b""
    webp = head[:4] == b"RIFF" and head[8:] == b"WEBP"
    return None if webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG")) else REFUSALS["invalid_image_format"]
