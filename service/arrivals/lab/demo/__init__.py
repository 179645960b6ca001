"""The main job from end to end, ordered under a fixed mixture of faults, and its books compared."""
