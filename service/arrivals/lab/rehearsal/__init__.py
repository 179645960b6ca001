"""Stand-ins for the providers, with faults on demand. They know nothing of the service that rehearses with them."""
