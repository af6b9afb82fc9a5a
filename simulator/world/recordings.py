"""Recorded falls and daily life, where they are beside the checkout; `python -m simulator.world.recordings` reports.

The recordings are not ours to give away: they are read from ../shared/data/falls and never copied into the project.
"""

import importlib.util
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .body import RATE_HZ, Sample
from .firmware import ROOT, SOURCE

FOLDER = ROOT.parent / "shared" / "data" / "falls"
FILES = ("sisfall", "wedafall", "smartfallmm", "mobifall", "geotec_adl", "mobgap_adl")
# The fall in the demo's kitchen: SisFall, a woman of 19 slips while walking and falls backwards. Chosen by name, because
# the first detector finds it whatever the phase of the sampling; from three seconds before she hits the floor.
KITCHEN = ("sisfall", "SA03", "F02", 1)
KITCHEN_FROM_S = 4.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One recording: who, what, where it was worn, and what was felt at 50 Hz in milli-g."""

    subject: str
    code: str
    trial: int
    is_fall: bool
    position: str
    samples: list[Sample]


def available() -> bool:
    """Whether the recordings are beside the checkout."""
    return (FOLDER / f"{KITCHEN[0]}.npz").exists()


@lru_cache(maxsize=1)
def _load(name: str) -> dict[str, Any]:
    with np.load(FOLDER / f"{name}.npz") as data:
        return {key: data[key] for key in data.files}


def resample(samples: np.ndarray, rate_hz: float) -> list[Sample]:
    """Return (3, n) samples of any rate as 50 Hz triples, on straight lines between them."""
    count = samples.shape[1]
    at_s = np.arange(0, (count - 1) / rate_hz + 1e-9, 1 / RATE_HZ)
    axes = [np.interp(at_s, np.arange(count) / rate_hz, axis) for axis in samples]
    return [(int(x), int(y), int(z)) for x, y, z in np.rint(np.stack(axes)).astype(int).T]


def _trial(data: dict[str, Any], index: int) -> Trial:
    start, end = data["offset"][index : index + 2]
    raw = np.cumsum(data["acc_delta"][:, start:end], axis=1, dtype=np.int16)
    return Trial(
        str(data["subject"][index]),
        str(data["code"][index]),
        int(data["trial"][index]),
        bool(data["is_fall"][index]),
        str(data["position"][index]),
        resample(raw * (1000 * float(data["scale_g"])), float(data["fs"][index])),
    )


def trials(name: str) -> Iterator[Trial]:
    """Yield every recording of a file."""
    data = _load(name)
    for index in range(len(data["subject"])):
        yield _trial(data, index)


def recording(name: str, subject: str, code: str, trial: int) -> Trial:
    """Return one recording by what it is called; LookupError if the file has none of that name."""
    data = _load(name)
    found = np.flatnonzero((data["subject"] == subject) & (data["code"] == code) & (data["trial"] == trial))
    if not len(found):
        raise LookupError(f"{name}.npz has no recording {subject} {code} {trial}")
    return _trial(data, int(found[0]))


@lru_cache(maxsize=1)
def kitchen_fall() -> list[Sample]:
    """Return the trace of the demo's fall."""
    return recording(*KITCHEN).samples[round(KITCHEN_FROM_S * RATE_HZ) :]


# The report.


@dataclass
class Tally:
    """What a detector did with the recordings of one data set and place on the body."""

    falls: int = 0
    found: int = 0
    hours: float = 0.0
    alarms: int = 0
    people: set[str] = field(default_factory=set)


def share_interval(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    z = 1.96
    centre, spread = hits + z * z / 2, z * math.sqrt(hits * (of - hits) / of + z * z / 4)
    return (centre - spread) / (of + z * z), (centre + spread) / (of + z * z)


def count_interval(count: int) -> tuple[float, float]:
    """Return Byar's 95 % interval of a Poisson count."""
    z = 1.96
    low = count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    return max(0.0, low), more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3


def detector() -> Any:
    """Return a fresh detector: the firmware's own file."""
    spec = importlib.util.spec_from_file_location("firmware_fall", SOURCE / "app" / "fall.py")
    assert spec and spec.loader
    module = sys.modules.get("firmware_fall")
    if module is None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules["firmware_fall"] = module
    return module.Detector()


def verdicts(samples: list[Sample]) -> int:
    """Return how often the firmware's detector says fall."""
    feed = detector().feed
    return sum(feed(*sample) for sample in samples)


def tally(name: str) -> dict[str, Tally]:
    """Return {position: Tally} of one file."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for trial in trials(name):
        said = verdicts(trial.samples)
        row = tallies[trial.position]
        row.people.add(trial.subject)
        if trial.is_fall:
            row.falls += 1
            row.found += bool(said)
        else:
            row.hours += len(trial.samples) / RATE_HZ / 3600
            row.alarms += said
    return tallies


def lines(name: str, position: str, row: Tally) -> list[str]:
    """Return the sentences of one tally."""
    head = f"{name}, {position}, {len(row.people)} people: "
    said = []
    if row.falls:
        low, high = share_interval(row.found, row.falls)
        said.append(
            f"{head}{row.found} of {row.falls} falls found, {row.found / row.falls:.0%} (95 %: {low:.0%} to {high:.0%})"
        )
    if row.hours:
        low, high = (count / row.hours for count in count_interval(row.alarms))
        said.append(
            f"{head}{row.alarms} false alarms in {row.hours:.2f} h of scripted activity, "
            f"{row.alarms / row.hours:.1f} an hour (95 %: {low:.1f} to {high:.1f})"
        )
    return said


def main() -> None:
    if not available():
        print(f"There are no recordings: {FOLDER} is not there.")
        sys.exit(1)
    print(
        "The firmware's detector on recordings; people fell on mats and on purpose, and nobody lived freely."
    )
    print(
        "SmartFallMM is cropped so tightly that the seconds of stillness this detector waits for are missing."
    )
    print(
        "The intervals take recordings as independent; those of one person are not, so they are too narrow."
    )
    for name in FILES:
        if (FOLDER / f"{name}.npz").exists():
            for position, row in sorted(tally(name).items()):
                print("\n".join(lines(name, position, row)))


if __name__ == "__main__":
    main()
