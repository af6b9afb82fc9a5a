"""How long the modem takes for what: one table, each row with its source, and a scale from 0 (chain) to 1 (modelled)."""

import csv
import random
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("delays.csv")


class Row(NamedTuple):
    """One delay, milliseconds."""

    low_ms: float
    likely_ms: float
    high_ms: float
    source: str


@lru_cache(maxsize=1)
def rows() -> dict[str, Row]:
    with TABLE.open(newline="") as file:
        return {
            row["name"]: Row(
                float(row["low_ms"]), float(row["likely_ms"]), float(row["high_ms"]), row["source"]
            )
            for row in csv.DictReader(file)
        }


class Delays:
    """Draws delays; `scale` may be changed at any time and counts from the next draw on."""

    def __init__(self, chance: random.Random, scale: float = 1.0) -> None:
        self._chance = chance
        self.scale = scale

    def us(self, name: str) -> int:
        row = rows()[name]
        if not self.scale:
            return 0
        return round(self._chance.triangular(row.low_ms, row.high_ms, row.likely_ms) * 1000 * self.scale)
