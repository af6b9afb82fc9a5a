"""Operators: accounts, roles, towns, sessions, tokens."""
