"""The main job from end to end, ordered under a fixed mixture of faults, with its books compared."""
