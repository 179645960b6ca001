"""Keeps the service under a bounded, mixed load for a long time, and checks that nothing grows or is lost."""
