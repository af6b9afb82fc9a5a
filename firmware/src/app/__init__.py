"""Decisions: pure functions and small state machines, without clock, bus or file; they run on CPython, too."""
