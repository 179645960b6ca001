"""Keeps the service under a bounded, mixed load for long, and looks whether anything of it grows or is lost."""
