"""Outputs that arrived inside a provider's answer: their bytes, which we serve ourselves."""

from dataclasses import dataclass, field

from arrivals.store.engine.base import Tx
from arrivals.store.engine.queries import load

SQL = load("outputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineOutput:
    """The bytes of one output and their content type."""

    content_type: str
    content: bytes = field(repr=False)


async def keep(tx: Tx, generation_id: str, number: int, output: InlineOutput) -> None:
    """Stores the bytes of a generation's output number `number`, replacing any others."""
    await tx.fetch(
        SQL["keep_output"],
        generation_id=generation_id, number=number, content_type=output.content_type, content=output.content,
    )  # fmt: skip


async def kept(tx: Tx, generation_id: str, number: int) -> InlineOutput | None:
    """The stored bytes of this output; None if the provider serves it."""
    rows = await tx.fetch(SQL["kept_output"], generation_id=generation_id, number=number)
    return InlineOutput(content_type=rows[0]["content_type"], content=bytes(rows[0]["content"])) if rows else None
