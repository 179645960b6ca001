"""All targets, by name."""

from tests.attack import doors, readers

TARGETS = {target.name: target for target in (*readers.every(), *doors.every())}


def chosen(only):
    """The targets whose names begin with one of these, or all. Raises ValueError when there is none."""
    matching = [target for name, target in TARGETS.items() if not only or name.startswith(tuple(only))]
    if not matching:
        raise ValueError(f"no target begins with {', '.join(only)}; there are {', '.join(TARGETS)}")
    return matching
