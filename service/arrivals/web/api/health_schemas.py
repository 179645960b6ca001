"""The schemas of health checks."""

from msgspec import Struct


class LiveSchema(Struct):
    """The process answers."""

    status: str


class WorkerSchema(Struct):
    """A worker: seconds since its last claim, how many items it has in hand, and how many it may have."""

    name: str
    since_claim_s: float
    busy: int
    capacity: int


class HealthSchema(Struct):
    """Everything can be stored, and every worker claims; there is none where another process works (`--web-only`)."""

    status: str
    workers: list[WorkerSchema]
