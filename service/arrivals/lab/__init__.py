"""Starts real processes and compares their books; uses the service from outside only."""
