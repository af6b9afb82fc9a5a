"""SQL as data: files of named queries, read once."""

import re
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def load(area: str) -> dict[str, LiteralString]:
    """Return {name: query} of store/queries/AREA.sql."""
    text = (files("sos_gateway.store") / "queries" / f"{area}.sql").read_text()
    parts = _HEADING.split(text)[1:]
    queries = {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
    if len(queries) != len(parts) // 2:
        raise ValueError(f"queries/{area}.sql names a query twice")
    return cast("dict[str, LiteralString]", queries)  # out of our own files, never out of input
