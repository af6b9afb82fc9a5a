"""The modelled column: each measured sample with one draw of every delay that real radios and houses would add."""

import csv
import random
import re
from pathlib import Path

from .figures import QUANTITIES, Latencies

ROOT = Path(__file__).parents[3]
RADIO = ROOT / "simulator" / "radio.csv"
POWER = ROOT / "hardware" / "power_budget.csv"
GESTURES = ROOT / "firmware" / "src" / "app" / "gestures.py"
SEED = 1  # one fixed stream of draws: the same chain gives the same column


def delays() -> list[tuple[float, float, float, tuple[str, ...]]]:
    """Return (low, likely, high, quantities) in milliseconds of every row of radio.csv."""
    with RADIO.open(newline="") as file:
        return [
            (
                float(row["low_ms"]),
                float(row["likely_ms"]),
                float(row["high_ms"]),
                tuple(row["used_in"].split("+")),
            )
            for row in csv.DictReader(file)
        ]


def boot_ms() -> float:
    """Return how long MicroPython takes from deep sleep to the first line of main."""
    with POWER.open(newline="") as file:
        return next(
            float(row["duration_ms"])
            for row in csv.DictReader(file)
            if row["state"] == "boot_from_deep_sleep"
        )


def boot_in_hold_ms() -> float:
    """Return how much of the boot the firmware counts as part of the hold that woke it."""
    found = re.search(r"^WAKE_MS = (\d+)", GESTURES.read_text(), re.MULTILINE)
    assert found, "app/gestures.py says how much of a boot belongs to the hold"
    return float(found.group(1))


def modelled(chain: Latencies) -> dict[str, dict]:
    """Return {awake, from_sleep}: figures of the model, not measurements of a radio."""
    draw = random.Random(SEED)
    # A hold that wakes the device is complete later by what of the boot is not counted as held; earlier than a second
    # after finger-down where the firmware counts more than the boot took, lest an alarm be lost as a click.
    rows, boot = delays(), boot_ms() - boot_in_hold_ms()
    awake, from_sleep = Latencies(), Latencies()
    for quantity in QUANTITIES:
        for sample in getattr(chain, quantity):
            added = sum(
                draw.triangular(low, high, likely) for low, likely, high, used in rows if quantity in used
            )
            getattr(awake, quantity).append(sample + added)
            late = boot if quantity.startswith("press") else 0.0
            getattr(from_sleep, quantity).append(sample + added + late)
    return {"awake": awake.as_json(), "from_sleep": from_sleep.as_json()}


def modelled_lte(chain: Latencies) -> dict[str, dict]:
    return modelled(chain)
