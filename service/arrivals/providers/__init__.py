"""Pure translation between our terms and each provider's. One provider is one module; nothing here does I/O."""
