"""The road out: rows written with the incident, delivered at least once under one stable identifier."""
