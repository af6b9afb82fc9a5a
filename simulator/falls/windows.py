"""What the models learn from: the windows that the firmware judges of every person's stream, as recorded and changed."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..world.body import RATE_HZ
from . import changes, recordings, replaying, synthetic
from .recordings import Trial
from .streams import Stream, person_streams

SEED = 4
COPIES = 3  # of every stream, each worn and felt by another device
SYNTHETIC_ROUNDS = 16
AS_RECORDED, CHANGED, ON_A_CORD, EMPTY = "as recorded", "changed", "on a cord", "nobody wears it"
# From a fall's largest peak to the blow of a window, in samples: what teaches a fall, and what is too early to be one.
IS_FALL_WITHIN = 25
TOO_EARLY = -199
SLOWEST_HZ, FASTEST_HZ = 18.0, 45.0
RANGES_MG = (16000, 8000, 4000, 4000, 3000, 2000)
# People whose falls are not in their recordings: at the hip nothing exceeds 1.5 g in most of them.
UNTRUE = {("smartfallmm", "hip", "Y28"), ("smartfallmm", "hip", "Y35")}
NOT_SAID, NO_FALL, IS_FALL = -1, 0, 1


class Person(NamedTuple):
    """Whose windows these are; nobody's: the data set is EMPTY."""

    data_set: str
    position: str
    subject: str


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of many streams, row by row.

    recorded  the trials AS_RECORDED, each once
    values    int16 (n, VALUES): fall_features of the firmware
    label     NO_FALL, IS_FALL or NOT_SAID
    person    index into `people`
    how       AS_RECORDED, CHANGED, ON_A_CORD or EMPTY
    decided   index of the deciding sample in its stream; `stream` numbers the streams
    trial     index into `trials`; -1 in EMPTY
    after     samples from the trial's largest peak to the decision
    """

    people: list[Person]
    trials: list[Trial]
    recorded: list[Trial]
    values: np.ndarray
    label: np.ndarray
    person: np.ndarray
    how: np.ndarray
    stream: np.ndarray
    decided: np.ndarray
    trial: np.ndarray
    after: np.ndarray


def otherwise(trials: Sequence[Trial], rng: np.random.Generator) -> list[Trial]:
    """Return one person's trials as another device would have felt them: its rate, range, gain, offset and losses."""
    rate = rng.uniform(SLOWEST_HZ, FASTEST_HZ) if rng.random() < 0.7 else None
    most = int(rng.choice(RANGES_MG))
    gain, offset = 1 + rng.normal(0, 0.01), rng.uniform(-50, 50, 3)
    loses = rng.random() < 0.3

    def felt(samples: np.ndarray) -> np.ndarray:
        if rate:
            samples = changes.at_rate(samples, rate, rng.random(), mean=rng.random() < 0.5)
        samples = np.rint(np.clip(samples * gain + offset, -most, most)).astype(np.int16)
        return changes.lost(samples, rng) if loses else samples

    return [replace(trial, samples=felt(trial.samples)) for trial in trials]


def on_a_cord(trials: Sequence[Trial], rng: np.random.Generator) -> list[Trial]:
    """Return the trials of one person as felt by a pendant on a cord."""
    return [replace(trial, samples=changes.on_a_cord(trial.samples, rng)) for trial in trials]


def _largest(samples: np.ndarray) -> int:
    return int(np.square(samples, dtype=np.int64).sum(axis=1).argmax())


class _Heard(NamedTuple):
    """The windows of one stream: see Windows."""

    person: Person
    how: str
    trials: tuple[Trial, ...]
    found: np.ndarray
    trial: np.ndarray
    label: np.ndarray
    after: np.ndarray


def heard(stream: Stream, how: str) -> _Heard:
    """Return what the firmware judges of a person's stream, with what each window teaches."""
    found = replaying.windows(stream.samples, recordings.worn_at(stream.position))
    begins = np.array(stream.begins)
    found = found[found["decided"] >= begins[0]]
    trial = np.searchsorted(begins, found["decided"], side="right") - 1
    peaks = begins + [_largest(each.samples) for each in stream.trials]
    falls = np.array([each.is_fall for each in stream.trials])[trial]
    away = found["blow"] - peaks[trial]
    label = np.where(falls, NOT_SAID, NO_FALL)
    label[falls & (away < TOO_EARLY)] = NO_FALL
    person = Person(stream.data_set, stream.position, stream.subject)
    if (stream.data_set, stream.position, stream.subject) not in UNTRUE:
        label[falls & (np.abs(away) <= IS_FALL_WITHIN)] = IS_FALL
    return _Heard(person, how, stream.trials, found, trial, label, found["decided"] - peaks[trial])


def _empty(position: str, rng: np.random.Generator) -> _Heard:
    """Return the windows of a device that nobody wears: whatever happens to it, nobody falls."""
    parts = []
    for _, samples in synthetic.generate(rng):
        parts += [samples, np.repeat(samples[-1:], 8 * RATE_HZ, axis=0)]
    found = replaying.windows(np.concatenate(parts), position)
    nothing = np.zeros(len(found), dtype=int)
    return _Heard(Person(EMPTY, position, ""), EMPTY, (), found, nothing - 1, nothing + NO_FALL, nothing)


def _rng(*what: object) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32("/".join(map(str, what)).encode())])


def _jobs(position: str) -> list[Callable[[], _Heard]]:
    people: dict[Person, list[Trial]] = {}
    for name in recordings.FILES:
        for trial in recordings.trials(name):
            if recordings.worn_at(trial.position) == position:
                people.setdefault(Person(name, trial.position, trial.subject), []).append(trial)
    jobs: list[Callable[[], _Heard]] = []
    for person, trials in people.items():
        jobs.append(lambda own=trials: heard(person_streams(own)[0], AS_RECORDED))
        for copy in range(COPIES):
            jobs.append(
                lambda own=trials, rng=_rng(*person, copy): heard(
                    person_streams(otherwise(own, rng), one_quiet=rng.random() < 0.5)[0], CHANGED
                )
            )
        if person.position in ("waist", "hip"):
            jobs.append(
                lambda own=trials, rng=_rng(*person, "cord"): heard(
                    person_streams(on_a_cord(own, rng))[0], ON_A_CORD
                )
            )
    jobs += [lambda rng=_rng(position, number): _empty(position, rng) for number in range(SYNTHETIC_ROUNDS)]
    return jobs


def gather(position: str, tell: Callable[[str], None] = print) -> Windows:
    """Return all windows of a position, the same at every run."""
    jobs = _jobs(position)
    done: list[_Heard] = []
    with ThreadPoolExecutor(replaying.WORKERS) as pool:
        for part in pool.map(lambda job: job(), jobs):
            done.append(part)
            if len(done) % 50 == 0 or len(done) == len(jobs):
                tell(f"{position}: {len(done)} of {len(jobs)} streams through the firmware")
    return _together(done)


def _together(done: Iterable[_Heard]) -> Windows:
    parts = list(done)
    people = sorted({part.person for part in parts})
    trials: list[Trial] = []
    number = []
    for part in parts:
        number.append(np.where(part.trial < 0, -1, part.trial + len(trials)))
        trials += part.trials
    counts = [len(part.found) for part in parts]
    return Windows(
        people,
        trials,
        [trial for part in parts if part.how == AS_RECORDED for trial in part.trials],
        np.concatenate([part.found["values"] for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.repeat([people.index(part.person) for part in parts], counts),
        np.repeat([part.how for part in parts], counts),
        np.repeat(np.arange(len(parts)), counts),
        np.concatenate([part.found["decided"] for part in parts]),
        np.concatenate(number),
        np.concatenate([part.after for part in parts]),
    )
