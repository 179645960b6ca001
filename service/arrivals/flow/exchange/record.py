"""The record of a call to a provider and its answer, kept unless the answer only says that the work continues."""

from collections.abc import Sequence
from dataclasses import dataclass

from arrivals.core.bounds import MAX_TEXT_CHARACTERS, bounded_failure
from arrivals.core.failure import Failure
from arrivals.core.generation import GenerationKey
from arrivals.core.http import HttpCall, HttpReply
from arrivals.core.masking import masked_failure
from arrivals.flow.context import Context
from arrivals.flow.exchange.masking import mask_of
from arrivals.outbound.transport import NoAnswer, NotSent
from arrivals.providers.contract import Unreadable
from arrivals.store import calls
from arrivals.store.calls import Call, CallKind, Outcome

MAX_REQUEST_CHARACTERS = 500


def outcome_of(error: NotSent | NoAnswer | Unreadable) -> Outcome:
    """The outcome of a call that brought no answer of any use."""
    if isinstance(error, NotSent):
        return Outcome.NOT_SENT
    return Outcome.UNANSWERED if isinstance(error, NoAnswer) else Outcome.UNREADABLE


@dataclass(slots=True)
class Exchange:
    """The last call about a generation that went out, and its answer as far as there is one."""

    kind: CallKind
    request: str = ""
    reply: HttpReply | None = None
    kept: bool = False  # its outcome is recorded already

    def sends(self, call: HttpCall) -> None:
        """Notes that this call goes out."""
        self.request, self.reply = f"{call.method} {call.url}"[:MAX_REQUEST_CHARACTERS], None

    def came_to(
        self,
        context: Context,
        generation: GenerationKey,
        outcome: Outcome,
        *,
        reason: str | None = None,
        failure: Failure | None = None,
    ) -> Call:
        """The record of the call. Everything but the answer's own bytes is masked."""
        mask, reply, self.kept = mask_of(context, generation), self.reply, True
        return Call(
            id=context.make_id("cal"),
            generation_id=generation.id,
            at=context.now(),
            kind=self.kind,
            request=mask.text(self.request),
            outcome=outcome,
            http_status=reply.http_status if reply else None,
            reason=mask.text(reason)[:MAX_TEXT_CHARACTERS] if reason else None,
            failure=masked_failure(mask, bounded_failure(failure)) if failure else None,
            size=len(reply.body) if reply else None,
            body=reply.body[: context.policy.limits.call_keep_bytes] if reply else None,
        )


async def keep(context: Context, call: Call) -> None:
    """Stores the call, together with others that are stored at the same time."""
    await context.batches.calls.add(call)


async def keep_all(context: Context, kept: Sequence[Call]) -> list[None]:
    """Stores the calls in one transaction."""
    async with context.store.transaction() as tx:
        for call in kept:
            await calls.keep(tx, call)
    return [None] * len(kept)
