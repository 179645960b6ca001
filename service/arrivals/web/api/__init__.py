"""The HTTP interface under /v1, and what monitors read."""
