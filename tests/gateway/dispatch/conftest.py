"""Fixtures of the dispatch tests; what they are made of is in story.py."""

import pytest
from story import Clock, Endpoint


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def endpoint():
    return Endpoint()
