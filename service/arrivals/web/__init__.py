"""The HTTP doors: for the application, for providers, for operators."""
