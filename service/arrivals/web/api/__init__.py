"""The HTTP interface under /v1, health checks and metrics."""
