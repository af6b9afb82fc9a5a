"""The modelled column: each measured sample with one draw of every delay that real radios and houses would add."""

import csv
import random
import re
from pathlib import Path
from typing import NamedTuple

from .figures import QUANTITIES, Latencies

ROOT = Path(__file__).parents[3]
RADIO = ROOT / "simulator" / "radio.csv"
RADIO_LTE = ROOT / "simulator" / "radio_lte.csv"
MODEM = ROOT / "simulator" / "chips" / "sim7080g" / "delays.csv"
DRIVER = ROOT / "firmware" / "src" / "drivers" / "sim7080g_limits.py"
POWER = ROOT / "hardware" / "power_budget.csv"
GESTURES = ROOT / "firmware" / "src" / "app" / "gestures.py"
SEED = 1  # one fixed stream of draws: the same chain gives the same column


class Delay(NamedTuple):
    """One row: a triangle of milliseconds, drawn so many times, and the figures it goes into."""

    low_ms: float
    likely_ms: float
    high_ms: float
    times: int
    used_in: tuple[str, ...]
    when: tuple[str, ...]


def _read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def _triangle(row: dict[str, str]) -> tuple[float, float, float]:
    return float(row["low_ms"]), float(row["likely_ms"]), float(row["high_ms"])


def delays() -> list[Delay]:
    """Return every row of radio.csv: what Bluetooth and a house add, asleep or not."""
    return [
        Delay(*_triangle(row), 1, tuple(row["used_in"].split("+")), ("awake", "from_sleep"))
        for row in _read(RADIO)
    ]


def lte_delays() -> list[Delay]:
    """Return every row of radio_lte.csv; most take their milliseconds from the table that has the source."""
    made = []
    for row in _read(RADIO_LTE):
        low, likely, high = _taken(row["taken_from"]) if row["taken_from"] else _triangle(row)
        used_in, when = tuple(row["used_in"].split("+")), tuple(row["when"].split("+"))
        made.append(Delay(low, likely, high, int(row["times"]), used_in, when))
    return made


def _taken(name: str) -> tuple[float, float, float]:
    """Return the milliseconds of TABLE:ROW."""
    table, _, wanted = name.partition(":")
    if table == "firmware":
        found = re.search(rf'^    "{wanted}": ([\d_]+)', DRIVER.read_text(), re.MULTILINE)
        assert found, f"the driver has no time-out {wanted}"
        ms = float(found[1].replace("_", ""))
        return ms, ms, ms
    rows = {"modem": MODEM, "radio": RADIO}[table]
    return next(_triangle(row) for row in _read(rows) if row["name"] == wanted)


def boot_ms(board: str = "pendant") -> float:
    """Return how long MicroPython takes from deep sleep to the first line of main."""
    return next(
        float(row["duration_ms"])
        for row in _read(POWER)
        if row["state"] == "boot_from_deep_sleep" and row["board"] == board
    )


def boot_in_hold_ms() -> float:
    """Return how much of the boot the firmware counts as part of the hold that woke it."""
    found = re.search(r"^WAKE_MS = (\d+)", GESTURES.read_text(), re.MULTILINE)
    assert found, "app/gestures.py says how much of a boot belongs to the hold"
    return float(found.group(1))


def modelled(chain: Latencies) -> dict[str, dict]:
    """Return {awake, from_sleep} of the pendants: figures of the model, not measurements of a radio."""
    return _model(chain, delays(), boot_ms("pendant"))


def modelled_lte(chain: Latencies) -> dict[str, dict]:
    """Return {awake, from_sleep} of the watches over LTE: connected; and out of deep sleep, the modem out of PSM.

    After 20 s without an answer a text message goes as well; it is not in these figures.
    """
    return _model(chain, lte_delays(), boot_ms("watch"))


def _model(chain: Latencies, rows: list[Delay], whole_boot_ms: float) -> dict[str, dict]:
    draw = random.Random(SEED)
    # A hold that wakes the device is complete later by what of the boot is not counted as held; earlier than a second
    # after finger-down where the firmware counts more than the boot took, lest an alarm be lost as a click.
    boot = whole_boot_ms - boot_in_hold_ms()
    awake, from_sleep = Latencies(), Latencies()
    for quantity in QUANTITIES:
        ours = [row for row in rows if quantity in row.used_in]
        for sample in getattr(chain, quantity):
            always = _drawn(draw, [row for row in ours if "awake" in row.when])
            asleep = _drawn(draw, [row for row in ours if "awake" not in row.when])
            getattr(awake, quantity).append(sample + always)
            late = boot if quantity.startswith("press") else 0.0
            getattr(from_sleep, quantity).append(sample + always + asleep + late)
    return {"awake": awake.as_json(), "from_sleep": from_sleep.as_json()}


def _drawn(draw: random.Random, rows: list[Delay]) -> float:
    return sum(
        draw.triangular(row.low_ms, row.high_ms, row.likely_ms) for row in rows for _ in range(row.times)
    )
