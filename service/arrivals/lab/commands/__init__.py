"""The commands of the lab: bench, demo, rehearse and torture."""
