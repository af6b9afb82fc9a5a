"""Latencies as the demo prints them: median, 99th percentile and maximum of what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field

QUANTITIES = ("press_to_desk_ms", "press_to_received_ms", "accept_to_felt_ms")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile: the smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def summary(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return {median, p99, max, n}, milliseconds to one decimal; None where nothing was measured."""
    if not values:
        return {"median": None, "p99": None, "max": None, "n": 0}
    return {
        "median": round(percentile(values, 0.5), 1),
        "p99": round(percentile(values, 0.99), 1),
        "max": round(max(values), 1),
        "n": len(values),
    }


@dataclass
class Latencies:
    """What was measured, in milliseconds, one list for each quantity."""

    press_to_desk_ms: list[float] = field(default_factory=list)
    press_to_received_ms: list[float] = field(default_factory=list)
    accept_to_felt_ms: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, dict[str, float | int | None]]:
        return {name: summary(getattr(self, name)) for name in QUANTITIES}
