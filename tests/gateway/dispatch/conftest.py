"""Fixtures of the dispatch tests; what they are made of is in story.py beside it, put in reach here."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from story import Clock, Endpoint


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def endpoint():
    return Endpoint()
