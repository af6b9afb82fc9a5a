"""Decisions about alarms and incidents: pure functions of what is stored and what has just come."""
