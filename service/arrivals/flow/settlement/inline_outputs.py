"""Outputs that came inside an answer (data URIs): their bytes are kept, and the output becomes a URL of ours."""

from msgspec.structs import replace

from arrivals.core.generation import Generation, Output
from arrivals.core.media import is_inline, read_data_uri
from arrivals.flow.context import Context
from arrivals.store import outputs
from arrivals.store.engine.base import Tx
from arrivals.store.outputs import InlineOutput


async def keep(context: Context, tx: Tx, generation: Generation) -> Generation:
    """The generation with its inline outputs stored, in the transaction that settled them as its outputs."""
    if not any(is_inline(output.url) for output in generation.outputs):
        return generation
    kept = [await _kept(context, tx, generation.id, number, output) for number, output in enumerate(generation.outputs)]
    return replace(generation, outputs=tuple(kept))


async def _kept(context: Context, tx: Tx, generation_id: str, number: int, output: Output) -> Output:
    inline = read_data_uri(output.url) if is_inline(output.url) else None
    if inline is None:
        return output
    await outputs.keep(
        tx, generation_id, number, InlineOutput(content_type=inline.content_type, content=inline.content)
    )
    url = (context.callback_urls.public_url or "") + own_path(generation_id, number)
    return replace(output, url=url, content_type=inline.content_type, requires_auth=True)


def own_path(generation_id: str, number: int) -> str:
    """The path under which this service hands out an output itself."""
    return f"/v1/generations/{generation_id}/outputs/{number}"


def is_own(output: Output, generation_id: str, number: int) -> bool:
    """True for an output whose bytes are stored here."""
    return output.requires_auth and output.url.endswith(own_path(generation_id, number))
