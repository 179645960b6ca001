"""The store's tests ask for a `database`: each of the two in turn."""

import pytest


@pytest.fixture
def database(store):
    return store
