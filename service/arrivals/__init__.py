"""Arrivals: one service between an application and its AI media providers."""

__version__ = "0.1.0"
