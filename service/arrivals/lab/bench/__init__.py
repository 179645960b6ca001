"""Measures the service from outside, each benchmark beside the most that this machine could do in its place."""
