"""Stand-in for CPython's typing, ours: lets `from typing import TYPE_CHECKING` run on the device."""

TYPE_CHECKING = False


def __getattr__(name):
    return None
