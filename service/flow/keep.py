"""Outputs that came inside an answer (data URIs): their bytes are kept, and the output becomes a URL of ours."""

import base64
from urllib.parse import unquote_to_bytes

from msgspec.structs import replace

from service.core.generation import Output
from service.core.observation import Observation
from service.flow.tools import Tools
from service.store import outputs
from service.store.base import Tx
from service.store.outputs import KeptOutput

PREFIX = "data:"
PLAIN = "text/plain;charset=us-ascii"  # what a data URI is that does not say: RFC 2397


async def keep(tools: Tools, tx: Tx, seen: Observation) -> Observation:
    """The observation with its inline outputs kept, in the transaction that settles it."""
    if not any(output.url.startswith(PREFIX) for output in seen.reading.outputs):
        return seen
    kept = [await _keep(tools, tx, seen.generation_id, *numbered) for numbered in enumerate(seen.reading.outputs)]
    return replace(seen, reading=replace(seen.reading, outputs=tuple(kept)))


async def _keep(tools: Tools, tx: Tx, generation_id: str, number: int, output: Output) -> Output:
    if not output.url.startswith(PREFIX):
        return output
    found = _bytes_of(output.url)
    await outputs.keep(tx, generation_id, number, found)
    url = f"{tools.callbacks.public_url or ''}/v1/generations/{generation_id}/outputs/{number}"
    return replace(output, url=url, content_type=found.content_type, needs_key=True)


def _bytes_of(url: str) -> KeptOutput:
    """https://www.rfc-editor.org/rfc/rfc2397."""
    head, _, content = url.removeprefix(PREFIX).partition(",")
    plain = unquote_to_bytes(content)
    encoded = head.endswith(";base64")
    return KeptOutput(
        content_type=head.removesuffix(";base64") or PLAIN, content=base64.b64decode(plain) if encoded else plain
    )
