"""Observations: webhooks are received and read, providers are polled, the clock expires what waits."""
