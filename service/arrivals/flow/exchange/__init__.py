"""Calls to providers: one question and its answer, what is kept of it, and what it costs the account."""
