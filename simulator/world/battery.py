"""The battery and what drains it: hardware/power_budget.csv, times the states the firmware really enters."""

import csv
import importlib.util
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from .firmware import ROOT, SOURCE

TABLE = ROOT / "hardware" / "power_budget.csv"
CAPACITY_MAH = 500.0
# The watch's bench board takes an 18650 cell; its maker asks for 2,500 mAh or more.
CAPACITIES_MAH = {"pendant": CAPACITY_MAH, "watch": 2500.0}
# The rest of the nominal charge lies below the regulator's drop-out or is lost to cold and age.
USABLE_SHARE = 0.85
CHARGE_MA = 200.0  # the pendant's: MCP73831 with 4.99 kohm; the watch's is what the AXP2101 was told
VARIANTS = ("lsm6dsox", "bma400", "xiao")
# Which rows each board's simulation runs on; every variant of a board stands on the rows of that board.
REFERENCE = {"pendant": "lsm6dsox", "watch": "t-sim7080g-s3"}
BOARDS = {**dict.fromkeys(VARIANTS, "pendant"), REFERENCE["watch"]: "watch"}
US_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class State:
    """One row of the table: what a state draws, and how long it lasts where the state has a length of its own."""

    name: str
    kind: str  # processor: one at a time · load: on top while it is on · constant: always
    current_ua: float
    duration_ms: float | None


@lru_cache(maxsize=8)
def budget(variant: str = "lsm6dsox") -> dict[str, State]:
    """Return the states of a variant of a board; its own rows stand in for those of all its board's variants."""
    if variant not in BOARDS:
        raise ValueError(f"There is no variant {variant}: use one of {', '.join(BOARDS)}.")
    states: dict[str, State] = {}
    with TABLE.open(newline="") as file:
        for row in sorted(csv.DictReader(file), key=lambda row: row["variant"] != "all"):
            if row["board"] in ("all", BOARDS[variant]) and row["variant"] in ("all", variant):
                length = float(row["duration_ms"]) if row["duration_ms"] else None
                states[row["state"]] = State(row["state"], row["kind"], float(row["current_ua"]), length)
    return states


def mah(current_ua: float, us: float) -> float:
    return current_ua * us / US_PER_HOUR / 1000


@lru_cache(maxsize=1)
def _curve() -> tuple[tuple[int, int], ...]:
    """The discharge curve the firmware reads its charge from: read from its own file, so that there is one curve."""
    file = Path(SOURCE / "drivers" / "battery.py")
    spec = importlib.util.spec_from_file_location("firmware_battery", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CURVE


def millivolts(share: float) -> float:
    """Return the resting voltage of a cell that holds a share (0 to 1) of its usable charge."""
    percent = max(0.0, min(1.0, share)) * 100
    points = _curve()
    for (high_mv, high), (low_mv, low) in pairwise(points):
        if percent >= low:
            return low_mv + (high_mv - low_mv) * (percent - low) / (high - low)
    return points[-1][0]


class Battery:
    """Usable charge between full and the regulator's drop-out."""

    def __init__(self, share: float = 1.0, capacity_mah: float = CAPACITY_MAH) -> None:
        self.usable_mah = capacity_mah * USABLE_SHARE
        self.left_mah = self.usable_mah * share

    @property
    def share(self) -> float:
        return self.left_mah / self.usable_mah

    def drain(self, amount_mah: float) -> None:
        """Take charge out, or put it in if the amount is negative."""
        self.left_mah = max(0.0, min(self.usable_mah, self.left_mah - amount_mah))

    def divided_uv(self) -> int:
        """What the divider of two equal resistors shows the ADC, microvolts."""
        return round(millivolts(self.share) * 1000 / 2)


class Meter:
    """How long a device was in which state, and the battery it was taken from."""

    def __init__(self, now_us: Callable[[], int], battery: Battery, variant: str = "lsm6dsox") -> None:
        self._now_us = now_us
        self._states = budget(variant)
        self._constant_ua = sum(s.current_ua for s in self._states.values() if s.kind == "constant")
        self.battery = battery
        self.us: dict[str, int] = defaultdict(int)
        self.times: dict[str, int] = defaultdict(int)
        self.state = "off"
        self.loads: set[str] = set()
        self.charging = False
        self.charge_ma = CHARGE_MA
        self._since_us = now_us()
        self._entered_us = 0

    def settle(self) -> None:
        """Bring time and battery up to now."""
        now = self._now_us()
        passed, self._since_us = now - self._since_us, now
        current = self._constant_ua
        for name in (self.state, *self.loads):
            self.us[name] += passed
            current += self._states[name].current_ua if name in self._states else 0.0
        if self.charging:
            current = -self.charge_ma * 1000
        self.battery.drain(mah(current, passed))

    def enter(self, state: str) -> None:
        """The processor enters a state. One that has a length lasts at least so long, whatever the simulator took."""
        self.settle()
        if self.state == "boot_from_deep_sleep" and state != self.state:
            self._fill_up(self.state, self._entered_us)
        if state != self.state:
            self.times[state] += 1
        self._entered_us = self.us[state]
        self.state = state

    def _fill_up(self, state: str, before_us: int) -> None:
        length = self._states[state].duration_ms or 0.0
        missing = max(0, round(length * 1000) - (self.us[state] - before_us))
        self.us[state] += missing
        self.battery.drain(mah(self._states[state].current_ua, missing))

    def switch(self, load: str, on: bool) -> None:
        """A load goes on or off."""
        if on != (load in self.loads):
            self.settle()
            self.times[load] += on
            (self.loads.add if on else self.loads.remove)(load)

    def once(self, load: str, times: int = 1) -> None:
        """A load of fixed length happens so many times, at the side of whatever else does."""
        state = self._states[load]
        length_us = round((state.duration_ms or 0.0) * 1000) * times
        self.us[load] += length_us
        self.times[load] += times
        self.battery.drain(mah(state.current_ua, length_us))
