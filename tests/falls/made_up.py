"""Trials, streams and results that nobody recorded, small enough to be counted by hand."""

import numpy as np

from simulator.falls.evaluation import AS_RECORDED, FOLDS, Case, Result
from simulator.falls.recordings import Trial
from simulator.falls.scoring import Scored, score
from simulator.falls.streams import Stream, person_streams


def trial(code="F01", number=1, *, seconds=15.0, peak_s=5.0, down=(0, 1000, 0), data_set="sisfall", subject="SA03",
          position="waist", age=30, breath_mg=3) -> Trial:  # fmt: skip
    """A body at rest, one hard sample at `peak_s`; `down` is how the device is turned."""
    rng = np.random.default_rng(number)
    samples = np.array(down) + rng.integers(-breath_mg, breath_mg + 1, (round(seconds * 50), 3))
    samples[round(peak_s * 50)] = 3000
    is_fall = code.startswith("F")
    return Trial(data_set, subject, code, number, is_fall, position, age, samples.astype(np.int16))


def stream(*trials: Trial) -> Stream:
    (only,) = person_streams(trials)
    return only


def scored(stream: Stream, *alarms_s: float) -> list[Scored]:
    return score(stream, [round(at * 50) for at in alarms_s])


def result(
    trials, alarms_s=(), *, name=FOLDS, position="trunk", what=AS_RECORDED, limit=None, fold=1
) -> Result:
    """One person's trials in one case, with alarms at these seconds of her stream."""
    own = stream(*trials)
    case = Case(name, position, own.data_set, frozenset([own.subject]), None, fold)
    return Result(case, what, tuple(scored(own, *alarms_s)), limit)
