"""Recorded falls and daily life, where they are beside the checkout (../shared/data/falls).

The recordings are not ours to give away: they are read from there and never copied into the project.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..world.body import RATE_HZ, Sample
from ..world.firmware import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "falls"
FILES = ("sisfall", "wedafall", "smartfallmm", "mobifall", "geotec_adl", "mobgap_adl")
OLD_FROM_YEARS = 60
# The fall in the demo's kitchen: SisFall, a woman of 19 slips while walking and falls backwards. Chosen by name, because
# the detector finds it whatever the phase of the sampling; from three seconds before she hits the floor.
KITCHEN = ("sisfall", "SA03", "F02", 1)
KITCHEN_FROM_S = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One recording: who did what, where it was worn, and what was felt.

    data_set   name of the file: one of FILES
    subject    the person, as the data set calls them; unique within the data set only
    code       what was done, as the data set calls it: F01, D11, SEQ; in words in `names.py`
    trial      which repetition, from 1
    is_fall    whether the person fell
    position   where it was worn, as the data set calls it: waist, hip, pocket, wrist or watch; see `worn_at`
    age        years; -1 where it is not stated
    samples    int16, shape (n, 3): x, y, z in milli-g at 50 Hz, axes as the data set has them
    """

    data_set: str
    subject: str
    code: str
    trial: int
    is_fall: bool
    position: str
    age: int
    samples: np.ndarray


def available() -> bool:
    """Whether the recordings are beside the checkout."""
    return (FOLDER / f"{KITCHEN[0]}.npz").exists()


def worn_at(position: str) -> str:
    """Return the detector's word for a recording's position: wrist, or trunk for belt, hip, back and trouser pocket."""
    return "wrist" if position in ("wrist", "watch") else "trunk"


def is_old(trial: Trial) -> bool:
    """Whether the person is 60 or older; SmartFallMM states no ages, its older group is called O."""
    if trial.data_set == "smartfallmm":
        return trial.subject.startswith("O")
    return trial.age >= OLD_FROM_YEARS


@lru_cache(maxsize=1)
def _load(name: str) -> dict[str, Any]:
    if name not in FILES:
        raise LookupError(f"there is no data set {name}: it is one of {', '.join(FILES)}")
    with np.load(FOLDER / f"{name}.npz") as data:
        return {key: data[key] for key in data.files}


def resample(samples: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return (n, 3) int16 at 50 Hz, on straight lines between (3, m) samples of any rate; what exceeds int16 is clipped.

    Raises ValueError where there is no sample, or the rate is not above zero.
    """
    count = samples.shape[1]
    if not count or rate_hz <= 0:
        raise ValueError(f"{count} samples at {rate_hz} Hz cannot be resampled")
    at_s = np.arange(0, (count - 1) / rate_hz + 1e-9, 1 / RATE_HZ)
    axes = [np.interp(at_s, np.arange(count) / rate_hz, axis) for axis in samples]
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(np.stack(axes, axis=1)), limits.min, limits.max).astype(np.int16)


def _trial(name: str, data: dict[str, Any], index: int) -> Trial:
    start, end = data["offset"][index : index + 2]
    raw = np.cumsum(data["acc_delta"][:, start:end], axis=1, dtype=np.int16)
    return Trial(
        name,
        str(data["subject"][index]),
        str(data["code"][index]),
        int(data["trial"][index]),
        bool(data["is_fall"][index]),
        str(data["position"][index]),
        int(data["age"][index]),
        resample(raw * (1000 * float(data["scale_g"])), float(data["fs"][index])),
    )


def trials(name: str) -> Iterator[Trial]:
    """Yield every recording of a file; LookupError where there is no data set of that name."""
    data = _load(name)
    for index in range(len(data["subject"])):
        yield _trial(name, data, index)


def recording(name: str, subject: str, code: str, trial: int) -> Trial:
    """Return one recording by what it is called; LookupError if the file has none of that name."""
    data = _load(name)
    found = np.flatnonzero((data["subject"] == subject) & (data["code"] == code) & (data["trial"] == trial))
    if not len(found):
        raise LookupError(f"{name}.npz has no recording {subject} {code} {trial}")
    return _trial(name, data, int(found[0]))


@lru_cache(maxsize=1)
def kitchen_fall() -> list[Sample]:
    """Return the trace of the demo's fall."""
    x, y, z = recording(*KITCHEN).samples[round(KITCHEN_FROM_S * RATE_HZ) :].T.tolist()
    return list(zip(x, y, z, strict=True))
