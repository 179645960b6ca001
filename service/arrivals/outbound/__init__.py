"""The only way out: where calls may lead, and how they are sent."""
