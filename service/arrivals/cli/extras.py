"""The extras that some commands need, and how they are installed: from a clone, since no index has the package."""


def how_to_install(extra: str) -> str:
    """The advice where an extra is missing."""
    return f"in a clone of Arrivals: ./dev run …, or pip install '.[{extra}]'"
