"""Doing: loops that join drivers, decisions and links, one in each file."""
