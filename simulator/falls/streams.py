"""A person's recordings as a device lives through them: one after another, with the person's own quiet signal between."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..world.body import RATE_HZ
from .recordings import Trial

QUIET_S = 10
# A second is quiet as the person's quietest is, or as any breathing body is.
QUIET_TIMES = 2.0
QUIET_MG = 15.0
LOOK_EVERY = RATE_HZ // 2


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What one device felt on one person.

    data_set, subject, position   as in the trials, the same for all of them
    trials    in the order of the data set
    begins    index in `samples` at which each trial begins; its quiet follows it and ends where the next begins
    samples   int16, shape (n, 3), milli-g at 50 Hz
    """

    data_set: str
    subject: str
    position: str
    trials: tuple[Trial, ...]
    begins: tuple[int, ...]
    samples: np.ndarray


def quiet_seconds(trials: Sequence[Trial]) -> np.ndarray:
    """Return the person's quiet seconds, the quietest first: int16, shape (k, 50, 3), k at least 1.

    How quiet a second is, is the spread (standard deviation) of the three axes together, so a second in which the body
    slowly turns is not quiet. Kept are those within twice the quietest's spread, or within 15 mg.
    Raises ValueError where no recording lasts a second.
    """
    seconds, spreads = [], []
    for trial in trials:
        if len(trial.samples) >= RATE_HZ:
            windows = sliding_window_view(trial.samples, RATE_HZ, axis=0)[::LOOK_EVERY].transpose(0, 2, 1)
            seconds.append(windows)
            spreads.append(np.sqrt(windows.var(axis=1, dtype=float).sum(axis=1)))
    if not seconds:
        raise ValueError("no recording of this person lasts a second")
    every, spread = np.concatenate(seconds), np.concatenate(spreads)
    order = np.argsort(spread, kind="stable")
    limit = max(QUIET_MG, QUIET_TIMES * float(spread[order[0]]))
    return every[order[spread[order] <= limit]]


def stretched(second: np.ndarray, count: int) -> np.ndarray:
    """Return `count` samples of a (50, 3) second played forwards and backwards in turn, so that it never jumps."""
    there_and_back = np.concatenate([second, second[-2:0:-1]])
    return there_and_back[np.arange(count) % len(there_and_back)]


def nearest(means: np.ndarray, last: np.ndarray) -> int:
    """Return which of the quiet seconds' means is nearest to the mean of `last`: the person stays as she came to rest."""
    away = means - last.mean(axis=0)
    return int(np.argmin((away * away).sum(axis=1)))


def person_streams(trials: Iterable[Trial], *, one_quiet: bool = False) -> list[Stream]:
    """Return one stream for each (data set, person, position), in the order in which they first occur.

    After every trial, the last one too, come 10 s made of one quiet second of the same person and position, as recorded:
    the quiet second nearest to how the device was turned at the end of the trial, so that the join jumps as little as
    her own recordings allow. With `one_quiet` it is the quietest second of all for every join, however it is turned.
    """
    people: dict[tuple[str, str, str], list[Trial]] = {}
    for trial in trials:
        people.setdefault((trial.data_set, trial.subject, trial.position), []).append(trial)
    return [_stream(own, one_quiet) for own in people.values()]


def _stream(trials: list[Trial], one_quiet: bool) -> Stream:
    seconds = quiet_seconds(trials)
    if one_quiet:
        seconds = seconds[:1]
    means = seconds.mean(axis=1)
    parts, begins, at = [], [], 0
    for trial in trials:
        quiet = stretched(seconds[nearest(means, trial.samples[-RATE_HZ:])], QUIET_S * RATE_HZ)
        begins.append(at)
        parts += [trial.samples, quiet]
        at += len(trial.samples) + len(quiet)
    first = trials[0]
    return Stream(
        first.data_set, first.subject, first.position, tuple(trials), tuple(begins), np.concatenate(parts)
    )
