"""What is run for the report: cases of people a detector never saw, as recorded, changed, and at other limits."""

import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from ..world.firmware import SOURCE
from .recordings import Trial, worn_at
from .scoring import Scored, score
from .streams import Stream, person_streams

FOLDS = "folds"
LEFT_OUT = "left out"
AS_RECORDED = "as recorded"
ONE_QUIET = "one quiet second for every join"
WORKERS = 2
SEED = 4
NUMBERS = 30_000  # so many indices fit an axis of int16

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Alarms(Protocol):
    """`replaying.alarms`: the firmware's detector in MicroPython."""

    def __call__(
        self, streams: Sequence[np.ndarray], position: str, tables: Path | None = None
    ) -> list[list[int]]: ...


@dataclass(frozen=True, slots=True)
class Case:
    """People of one data set, and the tables of a detector that never saw them.

    name       FOLDS (trained on other people of the same data sets) or LEFT_OUT (trained without the whole data set)
    position   trunk or wrist
    data_set   one of recordings.FILES
    subjects   who is judged
    tables     folder with fall_trunk.py and fall_wrist.py; None for those in the firmware
    fold       which fold, for the table fold by fold
    limits     values of the tables' LIMIT to be tried for the plot of the threshold
    """

    name: str
    position: str
    data_set: str
    subjects: frozenset[str]
    tables: Path | None
    fold: int = 0
    limits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a detector did in one case: `what` is AS_RECORDED, ONE_QUIET or a change's name; `limit` if it was another."""

    case: Case
    what: str
    scored: tuple[Scored, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    case: Case
    what: str
    change: Change | None = None
    limit: int | None = None


class Recorded:
    """Streams of every person, made when they are first asked for, from `trials(name)`."""

    def __init__(self, trials: Callable[[str], Iterable[Trial]]) -> None:
        self._trials = trials
        self._made: dict[tuple[str, bool], list[Stream]] = {}

    def streams(self, case: Case, *, one_quiet: bool = False) -> list[Stream]:
        """Return the streams of a case; LookupError where the data set has none of its people at its position."""
        key = case.data_set, one_quiet
        if key not in self._made:
            self._made[key] = person_streams(self._trials(case.data_set), one_quiet=one_quiet)
        found = [
            stream
            for stream in self._made[key]
            if stream.subject in case.subjects and worn_at(stream.position) == case.position
        ]
        if not found:
            raise LookupError(
                f"{case.data_set} has none of {len(case.subjects)} people at the {case.position}"
            )
        return found


def with_limit(tables: Path | None, limit: int, folder: Path) -> Path:
    """Write tables into `folder` that differ from `tables` in LIMIT alone; return it. LookupError if they have no LIMIT."""
    for name in ("fall_trunk.py", "fall_wrist.py"):
        source = (tables or SOURCE / "app") / name
        if not source.exists():
            continue
        text, changed = re.subn(r"^LIMIT = .*$", f"LIMIT = {limit}", source.read_text(), flags=re.MULTILINE)
        if not changed:
            raise LookupError(f"{source.name} has no LIMIT")
        (folder / name).write_text(text)
    return folder


def changed(stream: Stream, what: str, change: Change) -> tuple[np.ndarray, np.ndarray]:
    """Return (samples after a change, the index in the stream that each of them had), the same at every run.

    A change that loses samples closes up: where they went is seen by making it once more of numbers in their place. It is
    refused (ValueError) if it does anything else to the length or the order.
    """
    told = f"{what}/{stream.data_set}/{stream.subject}/{stream.position}"
    seed = [SEED, zlib.crc32(told.encode())]
    samples = change(stream.samples, np.random.default_rng(seed))
    if samples.shape == stream.samples.shape:
        return samples, np.arange(len(samples))
    numbers = change(_numbered(len(stream.samples)), np.random.default_rng(seed))
    at = numbers[:, 0].astype(int) + NUMBERS * numbers[:, 1].astype(int)
    if samples.shape != (len(at), 3) or (np.diff(at) <= 0).any() or at[-1] >= len(stream.samples):
        raise ValueError(f"{told}: {stream.samples.shape} became {samples.shape}, and not by losing samples")
    return samples, at


def _numbered(count: int) -> np.ndarray:
    """Return (count, 3) int16 that tell their own index."""
    at = np.arange(count)
    return np.stack([at % NUMBERS, at // NUMBERS, 0 * at], axis=1).astype(np.int16)


def _jobs(cases: Sequence[Case], changes: Mapping[str, Change]) -> list[_Job]:
    jobs = []
    for case in cases:
        jobs += [_Job(case, AS_RECORDED), _Job(case, ONE_QUIET)]
        if case.name == FOLDS:
            # Nobody wears a wrist on a cord.
            own = {
                name: change
                for name, change in changes.items()
                if "cord" not in name or case.position == "trunk"
            }
            jobs += [_Job(case, name, change) for name, change in own.items()]
            jobs += [_Job(case, AS_RECORDED, limit=limit) for limit in case.limits]
    return jobs


def _run(job: _Job, streams: Sequence[Stream], alarms: Alarms) -> Result:
    if job.change:
        pairs = [changed(stream, job.what, job.change) for stream in streams]
    else:
        pairs = [(stream.samples, np.arange(len(stream.samples))) for stream in streams]
    samples = [pair[0] for pair in pairs]
    if job.limit is None:
        found = alarms(samples, job.case.position, job.case.tables)
    else:
        with tempfile.TemporaryDirectory() as folder:
            tables = with_limit(job.case.tables, job.limit, Path(folder))
            found = alarms(samples, job.case.position, tables)
    # The peak that a fall is scored by is the recording's, and times are the recording's, whatever the change did to them.
    scored = [
        one
        for stream, (_, at), own in zip(streams, pairs, found, strict=True)
        for one in score(stream, at[own].tolist() if own else [])
    ]
    return Result(job.case, job.what, tuple(scored), job.limit)


def _said(result: Result) -> str:
    case, limit = result.case, "" if result.limit is None else f", limit {result.limit}"
    falls = [one.found for one in result.scored if one.trial.is_fall]
    false = sum(len(one.alarms_s) for one in result.scored if not one.trial.is_fall)
    return (
        f"{case.name}, {case.position}, {case.data_set}, fold {case.fold}, {result.what}{limit}: "
        f"{sum(falls)} of {len(falls)} falls found, {false} false alarms"
    )


def evaluate(
    cases: Iterable[Case],
    alarms: Alarms,
    changes: Mapping[str, Change],
    recorded: Recorded,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Run every case as recorded; cases of folds also after every change and at every limit. Two at a time.

    Each result is said in a line when it is there. An error of one run ends the whole.
    """
    jobs = _jobs(list(cases), changes)
    streams = [recorded.streams(job.case, one_quiet=job.what == ONE_QUIET) for job in jobs]
    results = []
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = pool.map(partial(_run, alarms=alarms), jobs, streams)
        for number, result in enumerate(waiting, 1):
            say(f"{number}/{len(jobs)} {_said(result)}")
            results.append(result)
    return results
