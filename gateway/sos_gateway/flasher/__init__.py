"""Puts the firmware on a board over its serial line."""
