"""How a detector is scored: strictly, by trials in streams, with intervals that know that a person's trials are alike."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..world.body import RATE_HZ
from .recordings import Trial
from .streams import Stream

FOUND_FROM_S = -1
FOUND_UNTIL_S = 10
ONE_ALARM_PER_S = 10
RESAMPLES = 10_000
SEED = 4
TAIL = 0.025  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one trial.

    found      an alarm was decided from 1 s before to 10 s after the largest peak; always False in daily life
    alarms_s   the alarms that are nobody's fall, in seconds from the trial's beginning; past its end: in the quiet after it
    """

    trial: Trial
    found: bool
    alarms_s: tuple[float, ...]


def counted(alarms: Iterable[int]) -> list[int]:
    """Return the alarms that count, in order: one that comes less than 10 s after one that counted does not."""
    kept: list[int] = []
    for at in sorted(alarms):
        if not kept or at - kept[-1] >= ONE_ALARM_PER_S * RATE_HZ:
            kept.append(at)
    return kept


def peak(samples: np.ndarray) -> int:
    """Return the index of the largest acceleration of (n, 3) samples; the first of equals."""
    wide = samples.astype(np.int64)
    return int(np.argmax((wide * wide).sum(axis=1)))


def score(stream: Stream, alarms: Iterable[int]) -> list[Scored]:
    """Return what became of each trial of a stream, given the indices of the samples at which alarms were decided.

    Of several alarms within 10 s the first counts, whichever trial it falls into: an alarm just too early takes the fall's
    place. An alarm in a fall's window finds it; any other belongs to the trial in which, or in whose quiet, it was decided.
    Raises ValueError for an alarm outside the stream.
    """
    left = counted(alarms)
    if left and not 0 <= left[0] <= left[-1] < len(stream.samples):
        raise ValueError(f"an alarm lies outside the stream of {len(stream.samples)} samples")
    ends = (*stream.begins[1:], len(stream.samples))
    found = []
    for trial, begin in zip(stream.trials, stream.begins, strict=True):
        at = begin + peak(trial.samples)
        first, last = at + FOUND_FROM_S * RATE_HZ, at + FOUND_UNTIL_S * RATE_HZ
        own = [alarm for alarm in left if trial.is_fall and first <= alarm <= last]
        found.append(bool(own))
        left = [alarm for alarm in left if alarm not in own]
    return [
        Scored(trial, hit, tuple((at - begin) / RATE_HZ for at in left if begin <= at < end))
        for trial, hit, begin, end in zip(stream.trials, found, stream.begins, ends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or a rate with its 95 % interval: `hits` of `of` trials, or `hits` alarms in `of` hours."""

    hits: int
    of: float
    people: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """`hits` / `of`; nan where there is nothing to divide by."""
        return self.hits / self.of if self.of else math.nan


def _bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function of [low, high] crosses TAIL."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > TAIL else (low, middle)
    return (low + high) / 2


@cache
def share_interval(hits: int, of: int) -> tuple[float, float]:
    """Return Clopper and Pearson's exact 95 % interval of a share, which takes trials as independent."""

    def high(hits: int) -> float:
        if hits == of:
            return 1.0
        k = np.arange(hits + 1)
        ways = np.concatenate([[0.0], np.cumsum(np.log((of - k[1:] + 1) / k[1:]))])  # logarithms of binomials

        def until(p: float) -> float:
            return float(np.exp(ways + k * math.log(p) + (of - k) * math.log1p(-p)).sum())

        return _bisect(until, 0, 1)

    return (1 - high(of - hits), high(hits)) if of else (0.0, 1.0)


def count_interval(count: int) -> tuple[float, float]:
    """Return Garwood's exact 95 % interval of a Poisson count."""

    def until(count: int, mean: float) -> float:
        return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))

    far = 10 + 4 * count
    # Below: the mean at which so many or more are as rare as TAIL.
    low = _bisect(lambda mean: 1 - until(count - 1, far - mean), 0, far) if count else far
    return far - low, _bisect(lambda mean: until(count, mean), 0, far)


def by_people(people: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the 95 % interval of sum(hits) / sum(of) by drawing people, with all that is theirs, 10,000 times.

    `people` holds (hits, of) of each person. The seed is fixed. (nan, nan) where no draw has anything to divide by.
    """
    rows = np.array(people, dtype=float).reshape(-1, 2)
    if not rows[:, 1].sum():
        return math.nan, math.nan
    draws = np.random.default_rng(SEED).integers(len(rows), size=(RESAMPLES, len(rows)))
    hits, of = rows[:, 0][draws].sum(axis=1), rows[:, 1][draws].sum(axis=1)
    values = hits[of > 0] / of[of > 0]
    low, high = np.percentile(values, [100 * TAIL, 100 * (1 - TAIL)])
    return float(low), float(high)


def _figure(people: dict[tuple[str, str], list[float]], exact: tuple[float, float]) -> Figure:
    """Join both intervals at their wider ends: drawing people sees who differs, the exact one sees how few there were."""
    rows = [(hits, of) for hits, of in people.values()]
    hits, of = sum(row[0] for row in rows), sum(row[1] for row in rows)
    counting = sum(1 for row in rows if row[1])
    if not of:
        return Figure(0, 0, 0, math.nan, math.nan)
    low, high = by_people(rows)
    return Figure(int(hits), of, counting, min(low, exact[0]), max(high, exact[1]))


def _tally(
    scored: Iterable[Scored], row: Callable[[Scored], tuple[float, float]]
) -> dict[tuple[str, str], list[float]]:
    people: dict[tuple[str, str], list[float]] = {}
    for one in scored:
        own = people.setdefault((one.trial.data_set, one.trial.subject), [0, 0])
        for i, value in enumerate(row(one)):
            own[i] += value
    return people


def sensitivity(scored: Iterable[Scored]) -> Figure:
    """Return the share of falls that were found."""
    people = _tally((one for one in scored if one.trial.is_fall), lambda one: (one.found, 1))
    return _figure(people, share_interval(*(int(sum(column)) for column in _columns(people))))


def specificity(scored: Iterable[Scored]) -> Figure:
    """Return the share of daily-life trials to which no alarm belongs."""
    people = _tally((one for one in scored if not one.trial.is_fall), lambda one: (not one.alarms_s, 1))
    return _figure(people, share_interval(*(int(sum(column)) for column in _columns(people))))


def false_alarms(scored: Iterable[Scored]) -> Figure:
    """Return alarms per hour of daily life; the hours are those of the recordings, without the quiet between them."""
    people = _tally(
        (one for one in scored if not one.trial.is_fall),
        lambda one: (len(one.alarms_s), len(one.trial.samples) / RATE_HZ / 3600),
    )
    alarms, hours = (sum(column) for column in _columns(people))
    exact = tuple(end / hours for end in count_interval(int(alarms))) if hours else (0.0, math.inf)
    return _figure(people, (exact[0], exact[1]))


def _columns(people: dict[tuple[str, str], list[float]]) -> tuple[list[float], list[float]]:
    return [row[0] for row in people.values()], [row[1] for row in people.values()]
