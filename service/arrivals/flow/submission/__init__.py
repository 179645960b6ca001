"""An order from its acceptance to its provider's answer."""
