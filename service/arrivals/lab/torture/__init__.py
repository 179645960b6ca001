"""Kills the service at every point that matters and spoils its machine while it works; then compares the books."""
