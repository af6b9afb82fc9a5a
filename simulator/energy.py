"""The life of a pendant's battery by power_budget.csv and what the firmware does: `python -m simulator.energy`."""

import argparse
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from .world.battery import CAPACITY_MAH, USABLE_SHARE, VARIANTS, budget, mah
from .world.firmware import SOURCE

DAY_US = 24 * 3600 * 1_000_000
DAYS_PER_MONTH = 365.25 / 12
NAMES = {
    "lsm6dsox": "LSM6DSOX (reference)",
    "bma400": "BMA400 (frugal)",
    "xiao": "XIAO board with LSM6DSOX",
}


def firmware_number(file: str, name: str) -> int:
    """Return a number the firmware defines, so that a figure here cannot drift from it."""
    text = (SOURCE / file).read_text()
    found = re.search(rf"^{name} = ([\d_]+)", text, re.MULTILINE)
    if not found:
        raise LookupError(f"firmware/src/{file} defines no number {name}")
    return int(found.group(1).replace("_", ""))


def default_settings() -> dict[str, int]:
    """Return {setting: default} as the firmware has them."""
    rows = re.findall(
        r'^    \("(\w+)", (\d+), \d+, \d+\)', (SOURCE / "settings.py").read_text(), re.MULTILINE
    )
    return {name: int(value) for name, value in rows}


@dataclass
class Day:
    """How often a device does what in 24 hours. What the counts are is the wearer's life, not the model."""

    heartbeats: float = DAY_US / 1e6 / 900
    # Guesses, all three: nobody has worn one. A slope of 250 mg is a step, or a pendant that is taken in the hand; in
    # SisFall's scripted daily life a waist stirs in half of the time, and a day is mostly sitting and sleeping.
    motion_wakes: float = 200
    moving_h: float = 4
    blows: float = 1000  # above 1.5 g, each of which is judged
    alarms: float = 1 / 30
    decoys: float = 0
    settings: dict[str, int] = field(default_factory=default_settings)


def _episode(settings: dict[str, int]) -> dict[str, float]:
    """Milliseconds of one wake with one sending: boot, burst, window, and the look round before it sleeps."""
    interval_us = firmware_number("links/ble.py", "BURST_INTERVAL_US")
    # Health looks at set intervals and sleeps at the look that finds it quiet for long enough: half an interval early.
    look, linger = (firmware_number("tasks/health.py", name) for name in ("LOOK_EVERY_MS", "LINGER_MS"))
    quiet = math.ceil(linger / look) * look - look / 2
    return {
        "boot_from_deep_sleep": budget()["boot_from_deep_sleep"].duration_ms or 0,
        "radio_burst": firmware_number("links/ble.py", "BURST_PDUS") * interval_us / 1000,
        "radio_window": settings["listen_ms"],
        "awake": quiet + (budget()["awake"].duration_ms or 0),
    }


def _awake_for(seconds: float, settings: dict[str, int]) -> dict[str, float]:
    """Milliseconds of staying reachable: burst and window in turn."""
    episode = _episode(settings)
    burst, window = episode["radio_burst"], episode["radio_window"]
    share = burst / (burst + window)
    return {"radio_burst": seconds * 1000 * share, "radio_window": seconds * 1000 * (1 - share)}


def _sum(parts: Iterable[tuple[float, dict[str, float]]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for times, part in parts:
        for state, ms in part.items():
            total[state] = total.get(state, 0) + times * ms
    return total


def alarm_ms(settings: dict[str, int]) -> dict[str, float]:
    """Milliseconds of one alarm: reachable for awake_s, then asking, and what is felt and seen meanwhile."""
    asks = settings["ask_for_s"] / settings["ask_every_s"]
    signals = {
        "motor": 60 + 240 + 360 + 600,
        "light_red": 5000.0,
        "light_green": 5000.0,
        "light_blue": 5000.0,
    }
    # Raised, received, accepted, closed; a sector now and then.
    flash = {name: 4 * (budget()[name].duration_ms or 0) for name in ("flash_write", "flash_erase")}
    once = _awake_for(settings["awake_s"], settings)
    return _sum([(1, once), (asks, _episode(settings)), (1, signals), (1, flash)])


def decoy_ms(settings: dict[str, int]) -> dict[str, float]:
    """Milliseconds of one decoy on average: a sending, then busy for a minute up to as long as after an alarm."""
    busy_s = 60 + max(0, settings["awake_s"] - 60) / 2
    return _sum([(1, _episode(settings)), (1, _awake_for(busy_s, settings))])


def motion_ms(day: Day) -> dict[str, float]:
    """Milliseconds of a day's wakes by motion and of what follows them: light sleep, the FIFO, the fall detector."""
    quiet, before, rate_hz = (
        firmware_number(file, name)
        for file, name in (
            ("app/waking.py", "QUIET_SAMPLES"),
            ("app/waking.py", "BEFORE_SAMPLES"),
            ("app/fall.py", "RATE_HZ"),
        )
    )
    light_s = day.moving_h * 3600 + day.motion_wakes * quiet / rate_hz
    samples = light_s * rate_hz + day.motion_wakes * before
    wake = {**_episode(day.settings), "radio_burst": 0.0, "radio_window": 0.0}
    judged = {
        "light_sleep": light_s * 1000,
        "fall_detector": samples * (budget()["fall_detector"].duration_ms or 0),
        "fall_window": day.blows * (budget()["fall_window"].duration_ms or 0),
    }
    return _sum([(day.motion_wakes, wake), (1, judged)])


def day_us(day: Day) -> dict[str, float]:
    """Microseconds of each state in one day of the model; the rest of it is sleep."""
    parts = _sum(
        [
            (day.heartbeats, _episode(day.settings)),
            (day.decoys, decoy_ms(day.settings)),
            (1, motion_ms(day)),
            (day.alarms, alarm_ms(day.settings)),
        ]
    )
    us = {state: ms * 1000 for state, ms in parts.items()}
    processor = [name for name, state in budget().items() if state.kind == "processor"]
    us["sleep"] = DAY_US - sum(us.get(name, 0) for name in processor)
    us["accelerometer_ultra_low_power"] = DAY_US
    return us


def mah_per_day(us: dict[str, float], variant: str, of_us: float = DAY_US) -> dict[str, float]:
    """Return mAh a day per state; `us` may be of a run of another length."""
    rows = {}
    for name, state in budget(variant).items():
        spent = of_us if state.kind == "constant" else us.get(name, 0)
        rows[name] = mah(state.current_ua, spent) * DAY_US / of_us
    return rows


def months(per_day: dict[str, float], capacity_mah: float = CAPACITY_MAH) -> float:
    return capacity_mah * USABLE_SHARE / sum(per_day.values()) / DAYS_PER_MONTH


def price_mah(ms: dict[str, float], variant: str = "lsm6dsox") -> float:
    """Return the charge of some milliseconds in states."""
    return sum(mah(budget(variant)[state].current_ua, spent * 1000) for state, spent in ms.items())


def prices(settings: dict[str, int]) -> dict[str, str]:
    """Return what each setting costs, in a sentence each."""
    awake = price_mah(_awake_for(settings["awake_s"], settings))
    ask = price_mah(_episode(settings))
    asks = settings["ask_for_s"] / settings["ask_every_s"]
    window = mah(budget()["radio_window"].current_ua, 100_000) * (Day().heartbeats)
    return {
        "awake_s": f"{settings['awake_s']} s after an alarm: {awake:.1f} mAh each time",
        "ask_every_s": f"each {settings['ask_every_s']} s for {settings['ask_for_s']} s: {ask * asks:.1f} mAh an alarm",
        "decoys_per_day": f"one decoy a day: {price_mah(decoy_ms(settings)):.1f} mAh a day",
        "listen_ms": f"100 ms more at each of {Day().heartbeats:.0f} heartbeats: {window:.3f} mAh a day",
    }


def table(us: dict[str, float], of_us: float = DAY_US) -> list[str]:
    """Return the lines of the table: mAh a day for each state and variant, and the months."""
    columns = {variant: mah_per_day(us, variant, of_us) for variant in VARIANTS}
    lines = [f"{'mAh a day':32}" + "".join(f"{NAMES[v]:>26}" for v in VARIANTS)]
    for name in columns["lsm6dsox"]:
        if any(column[name] for column in columns.values()):
            lines.append(f"{name:32}" + "".join(f"{columns[v][name]:26.3f}" for v in VARIANTS))
    lines.append(f"{'all':32}" + "".join(f"{sum(columns[v].values()):26.3f}" for v in VARIANTS))
    lines.append(f"{'months on 500 mAh':32}" + "".join(f"{months(columns[v]):26.1f}" for v in VARIANTS))
    dear = max(columns["lsm6dsox"], key=lambda name: columns["lsm6dsox"][name])
    lines.append(f"The dearest row is {dear}.")
    return lines


def still(day: Day) -> Day:
    """The same day of somebody who does not stir, with everything armed."""
    return replace(day, motion_wakes=0, moving_h=0, blows=0)


def armed(day: Day) -> list[str]:
    """Return what being armed for falls costs: while nothing happens, and while she moves."""
    quiet = day_us(still(day))
    awake_s = (DAY_US - quiet["sleep"]) / 1e6
    chip = mah_per_day(quiet, "lsm6dsox")["accelerometer_ultra_low_power"]
    hour = price_mah(motion_ms(replace(still(day), moving_h=1)))
    wake = price_mah(motion_ms(replace(still(day), motion_wakes=1)))
    judged = price_mah(motion_ms(replace(still(day), blows=1000)))
    return [
        f"Falls armed, nothing happens: asleep {quiet['sleep'] / DAY_US:.1%} of the day; awake {awake_s:.0f} s for "
        f"heartbeats and alarms, 0 s for motion. The accelerometer takes {chip:.2f} mAh a day.",
        f"An hour of moving costs {hour:.2f} mAh, a wake by motion {wake:.4f} mAh, a thousand blows judged "
        f"{judged:.2f} mAh: estimated, not measured.",
    ]


def mends(day: Day) -> list[str]:
    """Return what other settings would give, from the same model."""
    short = {**day.settings, "listen_ms": 500}
    lines = []
    for label, other in (
        ("listen_ms 500", replace(day, settings=short)),
        (
            "a hub that leaves 400 ms after the burst",
            replace(day, settings={**day.settings, "listen_ms": 400}),
        ),
        ("no motion at all, falls armed", still(day)),
        ("a heartbeat each hour", replace(day, heartbeats=24)),
        ("a heartbeat each hour, listen_ms 500", replace(day, heartbeats=24, settings=short)),
    ):
        life = [f"{months(mah_per_day(day_us(other), variant)):.1f}" for variant in VARIANTS]
        lines.append(f"with {label:42} {' · '.join(life)} months ({' · '.join(VARIANTS)})")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator.energy", description=__doc__)
    standard = Day()
    parser.add_argument("--heartbeats", type=float, default=standard.heartbeats, help="a day")
    parser.add_argument("--motion-wakes", type=float, default=standard.motion_wakes, help="a day")
    parser.add_argument("--moving-hours", type=float, default=standard.moving_h, help="a day")
    parser.add_argument(
        "--blows", type=float, default=standard.blows, help="judged by the fall detector, a day"
    )
    parser.add_argument("--alarms", type=float, default=standard.alarms, help="a day")
    parser.add_argument("--decoys", type=float, default=standard.decoys, help="a day")
    parser.add_argument(
        "--run",
        type=Path,
        help="a JSON file {state: seconds} of a run (state_s of GET /devices/N) instead of a model",
    )
    options = parser.parse_args()
    day = Day(
        options.heartbeats,
        options.motion_wakes,
        options.moving_hours,
        options.blows,
        options.alarms,
        options.decoys,
    )
    if options.run:
        said = json.loads(options.run.read_text())
        us = {state: seconds * 1e6 for state, seconds in said.get("state_s", said).items()}
        processor = [name for name, state in budget().items() if state.kind == "processor"]
        print("\n".join(table(us, sum(us.get(name, 0) for name in processor))))
        return
    print(
        f"A day with {day.heartbeats:g} heartbeats, {day.motion_wakes:g} wakes by motion, {day.moving_h:g} h of moving and "
        f"{day.blows:g} blows (guesses: nobody has worn one), {day.alarms:.2g} alarms, {day.decoys:g} decoys; currents from "
        "hardware/power_budget.csv, most of them not yet measured."
    )
    print("\n".join(table(day_us(day))))
    print("\n".join(armed(day)))
    print("\n".join(mends(day)))
    for name, sentence in prices(day.settings).items():
        print(f"{name}: {sentence}")


if __name__ == "__main__":
    main()
