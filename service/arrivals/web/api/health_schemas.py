"""The schemas of health checks."""

from typing import Literal

from msgspec import Struct


class LivenessSchema(Struct):
    """The process answers."""

    status: Literal["live"]


class WorkerSchema(Struct):
    """A worker: seconds since its last claim, how many items it has in hand, and how many it may have."""

    name: str
    since_claim_s: float
    busy: int
    capacity: int


class ReadinessSchema(Struct):
    """The database can be written and every worker claims. Where another process works there are no workers."""

    status: Literal["ready"]
    workers: list[WorkerSchema]
