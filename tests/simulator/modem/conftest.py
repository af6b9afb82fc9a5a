"""A modem on a bench, found and ready."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # modem_bench.py


@pytest.fixture
def bench():
    """Booted, echo off, errors in words, no delays."""
    from modem_bench import Bench

    return Bench().boot()


@pytest.fixture
def online(bench):
    """With an address."""
    return bench.attach()
