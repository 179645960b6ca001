"""Configuration: settings from the environment, and the keys that are made at the first start."""
