"""In this room a test asks for the `database`: each of the two in turn."""

import pytest


@pytest.fixture
def database(store):
    return store
