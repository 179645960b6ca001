"""Outputs that came inside an answer (data URIs): their bytes are kept, and the output becomes a URL of ours."""

from msgspec.structs import replace

from service.core.generation import Output
from service.core.media import Inline, is_inline, read_data_uri
from service.core.observation import Observation
from service.flow.tools import Tools
from service.store import outputs
from service.store.base import Tx
from service.store.outputs import KeptOutput


async def keep(tools: Tools, tx: Tx, seen: Observation) -> Observation:
    """The observation with its inline outputs kept, in the transaction that settles it.

    One that is malformed is dropped, as a note says; a completion without any other is one that lacks its output.
    """
    if not any(is_inline(output.url) for output in seen.reading.outputs):
        return seen
    read = [(output, read_data_uri(output.url)) for output in seen.reading.outputs]
    broken = [number for number, (output, found) in enumerate(read) if found is None and is_inline(output.url)]
    fitting = [one for number, one in enumerate(read) if number not in broken]
    kept = [
        output if found is None else await _keep(tools, tx, seen.generation_id, number, output, found)
        for number, (output, found) in enumerate(fitting)
    ]
    notes = (*(f"output {number} was dropped: it is no data URI" for number in broken), *seen.reading.notes)
    return replace(seen, reading=replace(seen.reading, outputs=tuple(kept), notes=notes))


async def _keep(tools: Tools, tx: Tx, generation_id: str, number: int, output: Output, found: Inline) -> Output:
    await outputs.keep(tx, generation_id, number, KeptOutput(content_type=found.content_type, content=found.content))
    url = f"{tools.callbacks.public_url or ''}/v1/generations/{generation_id}/outputs/{number}"
    return replace(output, url=url, content_type=found.content_type, needs_key=True)
