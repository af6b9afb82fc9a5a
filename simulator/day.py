"""A day in the life of a watch on the virtual clock, and the charge it takes by state: `python -m simulator.day`."""

import argparse
import csv
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sos_wire import kinds

from .scenarios import a_day_with_a_watch as scenario
from .story import Story, opened
from .world.battery import BOARDS, REFERENCE, TABLE, budget, mah
from .world.firmware import ROOT

VARIANT = REFERENCE["watch"]
PICTURE = ROOT / "docs" / "day.png"
HOUR_US = 3_600_000_000
QUARTERS = 96


@dataclass
class Day:
    """What was used and what happened in one day."""

    hours: list[dict[str, float]] = field(default_factory=list)  # mAh by state, an hour each
    counts: dict[str, int] = field(default_factory=dict)
    drained_mah: float = 0.0
    usable_mah: float = 0.0

    def by_state(self) -> dict[str, float]:
        """Return mAh of the day by state, the dearest first."""
        total: dict[str, float] = defaultdict(float)
        for hour in self.hours:
            for state, used in hour.items():
                total[state] += used
        return dict(sorted(total.items(), key=lambda item: -item[1]))


def lived(seed: int) -> Day:
    """Play the day and keep the books."""
    day = Day()
    with opened(seed) as story:
        before: dict[str, int] = {}

        def look() -> None:
            (watch,) = story.pendants.values()
            now = dict(watch.hardware.state_us)
            day.hours.append(_used({name: us - before.get(name, 0) for name, us in now.items()}))
            before.clear()
            before.update(now)

        for hour in range(1, 24):
            story.world.at(hour * HOUR_US, look)
        scenario.play(story)
        look()
        (watch,) = story.pendants.values()
        day.usable_mah = watch.hardware.battery.usable_mah
        day.drained_mah = day.usable_mah - watch.hardware.battery.left_mah
        day.counts = _happened(story)
    return day


def _used(us: Mapping[str, int]) -> dict[str, float]:
    """Return mAh by state of one hour."""
    return {
        name: mah(state.current_ua, HOUR_US if state.kind == "constant" else us.get(name, 0))
        for name, state in budget(VARIANT).items()
    }


def _happened(story: Story) -> dict[str, int]:
    """Count what the gateway has stored, and what the wearer did."""
    rows: list[dict[str, Any]] = story.desk.store.rows("event")
    kind = Counter(row["kind"] for row in rows)
    positions = [row for row in rows if row["kind"] == kinds.POSITION]
    of_alarm = sum(row["incident_id"] is not None for row in positions)
    return {
        "runs": len(scenario.RUNS_AT_S),
        "heartbeats": kind[kinds.HEARTBEAT],
        "positions by motion": len(positions) - of_alarm,
        "positions of the SOS": of_alarm,
        "SOS": kind[kinds.SOS],
        "incidents": len(story.desk.incidents_now()),
    }


def unmeasured() -> tuple[int, int]:
    """Return (rows of the watch that nobody has measured, all its rows)."""
    with TABLE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["board"] in ("all", BOARDS[VARIANT])]
    rows = [row for row in rows if row["variant"] in ("all", VARIANT)]
    return sum(row["checked"] not in ("measured", "computed") for row in rows), len(rows)


def told(day: Day) -> list[str]:
    """Return the lines to print."""
    counts, used = day.counts, day.by_state()
    begin, end = (at / 3600 for at in scenario.NO_COVERAGE_S)
    lines = [
        f"A day away from every hub, no coverage from {begin:.2f} h to {end:.2f} h; what was asked: {QUARTERS} heartbeats, "
        f"{counts['runs']} positions, one SOS.",
        "What the gateway has stored: "
        + ", ".join(f"{n} {name}" for name, n in counts.items() if name != "runs")
        + ". What finds no network for so long may be dropped; an alarm never is.",
        f"{'state':32}{'mAh':>10}{'share':>8}",
    ]
    total = sum(used.values())
    lines += [f"{name:32}{value:10.2f}{value / total:8.1%}" for name, value in used.items() if value >= 0.005]
    lines.append(f"{'all':32}{total:10.2f}")
    lines.append(
        f"At this rate {day.usable_mah:.0f} mAh usable of the bench cell last {day.usable_mah / total:.1f} days."
    )
    missing, rows = unmeasured()
    lines.append(
        f"Not measured: {missing} of the watch's {rows} rows in hardware/power_budget.csv are from data sheets, users' "
        "reports or assumed; no watch has been built, no network timed. The states are the firmware's own, the times the "
        "simulator's."
    )
    return lines


GROUPS = {
    "modem searches": ("modem_search",),
    "modem idle": ("modem_idle",),
    "modem transmits": ("modem_transmit",),
    "GNSS": ("modem_gnss",),
    "processor": ("awake", "boot_from_deep_sleep", "radio_burst", "radio_window", "connected"),
    "board and cell": ("pmu", "self_discharge", "sleep"),
}


def draw(day: Day, path: Path) -> None:
    """Plot mAh by hour and kind of state."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 4), layout="constrained")
    hours = range(len(day.hours))
    floor = [0.0] * len(day.hours)
    named = {name for names in GROUPS.values() for name in names}
    others = tuple(name for name in day.hours[0] if name not in named)
    for label, names in {**GROUPS, "others": others}.items():
        values = [sum(hour.get(name, 0.0) for name in names) for hour in day.hours]
        axes.bar(hours, values, bottom=floor, width=0.9, align="edge", label=label)
        floor = [low + value for low, value in zip(floor, values, strict=True)]
    begin, end = (at / 3600 for at in scenario.NO_COVERAGE_S)
    axes.axvspan(begin, end, color="grey", alpha=0.2, label="no coverage")
    axes.axvline(scenario.SOS_AT_S / 3600, color="#b3001b", label="SOS")
    axes.set(
        xlim=(0, 24), xticks=range(0, 25, 3), xlabel="hour of the day", ylabel="mAh in the hour (modelled)"
    )
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    day = lived(options.seed)
    print("\n".join(told(day)))
    if os.environ.get("SOCORS_PICTURES"):
        draw(day, PICTURE)
        print(f"Plotted in {PICTURE.relative_to(ROOT)}.")
    else:
        print("SOCORS_PICTURES=1 plots it again in docs/day.png.")


if __name__ == "__main__":
    main()
