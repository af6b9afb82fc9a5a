"""A desk for every test: `run(story)` plays a story at it; what it is made of is in desk.py, put in reach here."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from desk import Clock, opened


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(database_url, clock):
    def play(story):
        async def whole():
            async with opened(database_url, clock) as desk:
                return await story(desk)

        return asyncio.run(whole())

    return play
