"""One loop, one roster."""
