"""The HTTP interfaces for applications, providers and operators."""
