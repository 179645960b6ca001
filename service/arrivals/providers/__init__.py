"""Pure translation between our words and each provider's. One provider is one module; nothing here calls anybody."""
