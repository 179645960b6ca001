"""What some commands need besides, and how it is installed: from a clone, since no index has the package."""


def how_to_install(extra: str) -> str:
    """What to do where an extra is missing."""
    return f"in a clone of Arrivals: ./dev run …, or pip install '.[{extra}]'"
