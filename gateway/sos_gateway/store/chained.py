"""What both stores share: the hash that chains transitions, and rows as models."""

import hashlib
import json
from dataclasses import asdict, fields
from typing import Any

from ..domain.models import Transition


def chain(previous: bytes | None, row: Transition) -> bytes:
    """Return the hash that ties a transition to the one before it: SHA-256 over previous hash and canonical row."""
    text = json.dumps({**asdict(row), "at": row.at.isoformat()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256((previous or bytes(32)) + text.encode()).digest()


def model(kind: type, row: dict[str, Any]) -> Any:
    """Return the model of a row; columns the model does not have are left out."""
    known = {f.name for f in fields(kind)}
    values = {name: value for name, value in row.items() if name in known}
    for name in ("also_towns", "tried", "town_opens_on"):
        if name in values:
            values[name] = tuple(values[name])
    return kind(**values)
