"""The mask over the secrets that went into calls about a generation; no kept or shown answer contains one."""

from msgspec.structs import replace

from arrivals.core.generation import GenerationKey
from arrivals.core.mask import Mask
from arrivals.core.masking import masked_reading
from arrivals.core.observation import Observation
from arrivals.flow.context import Context


def mask_of(context: Context, generation: GenerationKey) -> Mask:
    """A mask over the account's key, the secrets and the token that its provider was given, and any callback token.

    Generations that were ordered together share the secret of one of them, and it may appear in answers about any.
    """
    return mask_about(
        context, generation.provider, generation.account, generation.id, together=generation.bulk_id is not None
    )


def mask_about(context: Context, provider: str, account: str, generation_id: str, *, together: bool = False) -> Mask:
    """The same from no more than these names; also works when the account is no longer in the settings."""
    upstream = context.upstreams.get((provider, account))
    url = context.callback_urls.url(provider, account, generation_id)
    secrets = [*context.callback_urls.webhook_secrets(generation_id)]
    if url is not None:
        secrets.append(url.rpartition("~")[2])  # the rest of its token is the generation's id, which is none
    if upstream is not None:
        secrets += [upstream.account.api_key, *upstream.account.webhook_secrets]
    return Mask(secrets, digests=together)


def without_secrets(context: Context, seen: Observation, about: GenerationKey | None) -> Observation:
    """The observation as it may be kept. If its generation is gone (`about` None), nothing of it is kept."""
    if about is None:
        return seen
    mask = mask_of(context, about)
    reason = seen.unreadable_reason
    return replace(
        seen,
        reading=masked_reading(mask, seen.reading),
        unreadable_reason=None if reason is None else mask.text(reason),
    )
