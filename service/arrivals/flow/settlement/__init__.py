"""Observations become state and events, in one transaction, and what follows from it."""
