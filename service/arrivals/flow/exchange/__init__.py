"""Calls to providers: one request and its answer, what is kept of them, and what they cost the account."""
