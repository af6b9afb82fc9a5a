"""Trains both detectors and writes their tables into the firmware (`make train`): minutes, the same tables at every run."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import sklearn

from ..world.firmware import SOURCE
from . import recordings, replaying, trained, training
from .evaluation import FOLDS, LEFT_OUT
from .training import Tables, figures, fit, folds, limit_for, module
from .windows import Windows, gather

WORKERS = 2
# The limit is set on people who were not trained on, where the recordings are most like a wearer's day.
SET_ON = {"trunk": ("sisfall", "waist"), "wrist": ("wedafall", "wrist")}
# Stricter than the goals at the trunk: where nothing like it was trained on, more is mistaken.
SPECIFICITY = {"trunk": 0.998, "wrist": 0.97}
HOURLY = {"trunk": 0.5, "wrist": 100.0}
LEFT_OUT_ONES = {"trunk": ("mobifall", "smartfallmm"), "wrist": ("wedafall", "smartfallmm")}
LIMITS = (-3, -2, -1, -0.5, 0.5, 1, 2, 3)  # away from the limit, in units of the log odds: for the plot


class Task(NamedTuple):
    """One model: whom it is not trained on."""

    name: str  # FOLDS, LEFT_OUT, or "" for the firmware's own, which is trained on everybody
    fold: int
    data_set: str


def _unseen(windows: Windows, task: Task) -> np.ndarray:
    """Return a mask of the rows of people whom a task's model must not see."""
    if task.name == FOLDS:
        return (folds(windows) == task.fold)[windows.person]
    return np.array([person.data_set == task.data_set for person in windows.people])[windows.person]


_windows: Windows


def _run(task: Task) -> Tables:
    began = time.monotonic()
    rows = ~_unseen(_windows, task) if task.name else np.ones(len(_windows.label), dtype=bool)
    tables = fit(_windows, rows)
    whom = f"without {task.data_set or f'fold {task.fold + 1}'}" if task.name else "on everybody"
    print(f"  trained {whom}: {rows.sum():,} windows, {time.monotonic() - began:.0f} s", flush=True)
    return tables


def rows_of(windows: Windows, task: Task, model: int, limit: int) -> list[dict[str, Any]]:
    """Return the rows of the evaluation that a task's model is for, one for each data set."""
    own = folds(windows)
    subjects: dict[str, set[str]] = {}
    for person, fold in zip(windows.people, own, strict=True):
        if person.subject and (fold == task.fold if task.name == FOLDS else person.data_set == task.data_set):
            subjects.setdefault(person.data_set, set()).add(person.subject)
    limits = [limit + round(each * training.ONE) for each in LIMITS] if task.name == FOLDS else []
    return [
        {
            "name": task.name,
            "data_set": data_set,
            "subjects": sorted(people),
            "fold": task.fold + 1,
            "model": model,
            "limits": limits,
        }
        for data_set, people in sorted(subjects.items())
    ]


def train(position: str) -> None:
    """Train a position's models; write the firmware's module, and for the evaluation those that did not see everybody."""
    global _windows
    _windows = windows = gather(position)
    tasks = [Task("", 0, "")]
    tasks += [Task(FOLDS, fold, "") for fold in range(training.FOLDS)]
    tasks += [Task(LEFT_OUT, 0, data_set) for data_set in LEFT_OUT_ONES[position]]
    with ProcessPoolExecutor(WORKERS) as pool:
        models = dict(zip(tasks, pool.map(_run, tasks), strict=True))
    write(position, windows, models)


def write(position: str, windows: Windows, models: dict[Task, Tables]) -> None:
    """Set the limit on people in folds, and write what was learned."""
    unseen = np.zeros(len(windows.label), dtype=np.int64)
    for task, tables in models.items():
        if task.name == FOLDS:
            rows = _unseen(windows, task)
            unseen[rows] = tables.score(windows.values[rows])
    limit = limit_for(windows, unseen, *SET_ON[position], SPECIFICITY[position], HOURLY[position])
    told = provenance(windows, unseen, limit, position)
    print("\n".join(told), flush=True)
    (SOURCE / "app" / f"fall_{position}.py").write_text(
        module(position, models[Task("", 0, "")], limit, told)
    )
    judged = [task for task in models if task.name]
    rows = [row for number, task in enumerate(judged) for row in rows_of(windows, task, number, limit)]
    trained.save(position, [trained.packed(models[task], limit) for task in judged], rows)


def provenance(windows: Windows, scores: np.ndarray, limit: int, position: str) -> list[str]:
    """Return lines that say what the tables were learned from, and what people who were not trained on showed."""
    people = len({(person.data_set, person.subject) for person in windows.people if person.subject})
    lines = [
        f"{training.TREES} trees of depth {training.DEPTH}, scikit-learn {sklearn.__version__}, seed {training.SEED}; "
        f"{people} people, {len(windows.label):,} windows.",
        "People in other folds than those trained on (`make falls` has it in full), by data set and place:",
    ]
    for data_set, place in sorted(
        {(person.data_set, person.position) for person in windows.people if person.subject}
    ):
        told = figures(windows, scores, limit, data_set, place)
        falls = f"{told.found} of {told.falls} falls found, " if told.falls else ""
        lines.append(
            f"* {data_set}, {place}: {falls}{told.quiet} of {told.trials} daily-life trials quiet, "
            f"{told.alarms} alarms in {told.hours:.2f} h"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator.falls.train", description=__doc__)
    parser.add_argument("--position", choices=replaying.POSITIONS, help="only this one")
    only = parser.parse_args().position
    chosen = [only] if only else replaying.POSITIONS
    if not recordings.available():
        print(f"There are no recordings: {recordings.FOLDER} is not there.")
        sys.exit(1)
    for position in chosen:
        print(f"The detector for the {position}:", flush=True)
        train(position)
    print(f"Written: the tables in firmware/src/app and {trained.FILE.name}.")


if __name__ == "__main__":
    main()
