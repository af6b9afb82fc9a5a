"""What `make train` leaves beside the firmware's tables: detectors that never saw some people, for the evaluation."""

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import training
from .evaluation import Case
from .training import Tables

FILE = Path(__file__).with_name("trained.json")


def packed(tables: Tables, limit: int) -> dict[str, Any]:
    """Return a model as the file keeps it."""
    whole = tables.features.tobytes() + training.packed(tables.thresholds) + training.packed(tables.leaves)
    return {"base": tables.base, "limit": limit, "tables": base64.b64encode(zlib.compress(whole, 9)).decode()}


def unpacked(model: dict[str, Any]) -> tuple[Tables, int]:
    """Return a model's tables and limit."""
    whole = zlib.decompress(base64.b64decode(model["tables"]))
    questions = training.TREES * training.QUESTIONS
    return Tables(
        np.frombuffer(whole[:questions], np.uint8),
        training.unpacked(whole[questions : 3 * questions]),
        training.unpacked(whole[3 * questions :]),
        model["base"],
    ), model["limit"]


def load(path: Path = FILE) -> dict[str, Any]:
    """Return {position: {"models": [...], "rows": [...]}}; nothing where nothing was trained."""
    return json.loads(path.read_text()) if path.exists() else {}


def save(position: str, models: list[dict[str, Any]], rows: list[dict[str, Any]], path: Path = FILE) -> None:
    """Put a position's models and rows into the file; a row says who is judged by which model, by its number."""
    whole = load(path) | {position: {"models": models, "rows": rows}}
    path.write_text(json.dumps(dict(sorted(whole.items())), indent=1) + "\n")


def cases(folder: Path, path: Path = FILE) -> Iterator[Case]:
    """Yield every row as a Case, its tables written below `folder`."""
    for position, each in load(path).items():
        folders = []
        for number, model in enumerate(each["models"]):
            tables = folder / f"{position}-{number}"
            tables.mkdir()
            source = training.module(position, *unpacked(model), ["For the evaluation."])
            (tables / f"fall_{position}.py").write_text(source)
            folders.append(tables)
        for row in each["rows"]:
            limits = tuple(row["limits"])
            subjects = frozenset(row["subjects"])
            tables = folders[row["model"]]
            yield Case(row["name"], position, row["data_set"], subjects, tables, row["fold"], limits)
