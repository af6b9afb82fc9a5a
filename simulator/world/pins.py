"""The pendant's pins by signal, read from the table the board is built from."""

import csv
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).parents[2] / "hardware" / "pins.csv"


@lru_cache(maxsize=4)
def of(board: str) -> dict[str, int]:
    """Return {signal: GPIO} of a board."""
    with TABLE.open(newline="") as file:
        return {row["signal"]: int(row["gpio"]) for row in csv.DictReader(file) if row["board"] == board}
