"""The fields that every log line about a generation has."""

from arrivals.core.generation import Generation


def about(generation: Generation) -> dict[str, str]:
    """The fields of a log line about this generation, as it is now."""
    return {
        "generation_id": generation.id,
        "provider": generation.provider,
        "model": generation.model,
        "status": generation.status.value,
    }
