"""Chips: each takes a bus or pins, knows its datasheet, and knows nothing of SOS."""
