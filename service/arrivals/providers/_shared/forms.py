"""Multipart forms (RFC 7578) as bytes. The boundary is a digest, so the same order makes the same bytes."""

import base64
from collections.abc import Iterator, Mapping
import hashlib
import re
from typing import Any

from arrivals.core.failure import FailureCode, make_failure
from arrivals.core.wire import to_json
from arrivals.providers.contract import File, Refused

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/([\w.+-]+)", re.ASCII)
# How a form writes what would end a part's header: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html
_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def multipart(fields: Mapping[str, Any], files: Mapping[str, File], file_fields: tuple[str, ...]) -> tuple[bytes, str]:
    """(body, content type). The fields of `file_fields` are files: data URIs, or URLs whose files were fetched."""
    parts = [part for name, value in fields.items() for part in _parts(name, value, files, file_fields)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    boundary = digest.hexdigest()[:40]
    pieces = [piece for part in parts for piece in (f"--{boundary}\r\n".encode(), part, b"\r\n")]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def file_urls(fields: Mapping[str, Any], file_fields: tuple[str, ...]) -> list[str]:
    """The URLs among the file fields."""
    values = [value for name in file_fields for value in _as_list(fields.get(name))]
    return [value for value in values if isinstance(value, str) and value.lower().startswith(("https://", "http://"))]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _parts(name: str, value: Any, files: Mapping[str, File], file_fields: tuple[str, ...]) -> Iterator[bytes]:
    if value is None:
        return
    if name in file_fields:
        for content in _as_list(value):
            yield _file_part(name, _file(name, content, files))
        return
    text = value if isinstance(value, str) else to_json(value)
    yield f'content-disposition: form-data; name="{name.translate(_ESCAPED)}"\r\n\r\n{text}'.encode()


def _file_part(name: str, file: File) -> bytes:
    media_type = _MEDIA_TYPE.match(file.content_type)
    media, ending = (media_type[0], media_type[1]) if media_type else ("application/octet-stream", "bin")
    disposition = f'content-disposition: form-data; name="{name}"; filename="reference.{ending}"'
    return f"{disposition}\r\ncontent-type: {media}\r\n\r\n".encode() + file.content


def _file(name: str, value: Any, files: Mapping[str, File]) -> File:
    """A fetched file or a data URI's. Raises Refused."""
    if isinstance(value, str) and value in files:
        return files[value]
    data_uri = _DATA_URI.match(value) if isinstance(value, str) else None
    try:
        content = base64.b64decode(value[data_uri.end() :], validate=True) if data_uri else b""
    except ValueError:
        content = b""
    if not data_uri or not content:
        message = f"give {name} as an https URL, or as a data URI with base64 content"
        raise Refused(make_failure(FailureCode.INVALID_INPUT, message, origin="preflight", billed=False))
    return File(content=content, content_type=data_uri[1])
