"""Trees from windows: boosted on people, judged on others, and turned into the integers that the firmware adds up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from .recordings import worn_at
from .windows import AS_RECORDED, EMPTY, IS_FALL, NOT_SAID, Windows

SEED = 4
FOLDS = 5
TREES = 200
DEPTH = 3
QUESTIONS, LEAVES = 2**DEPTH - 1, 2**DEPTH
ONE = 1024  # of the score: one unit of the log odds
OFFSET = 32768
NEVER = 32767  # a threshold that nothing exceeds: goes left
REFRACTORY = 500  # samples: one alarm in 10 s counts
EARLIEST, LATEST = -50, 500  # samples from a fall's largest peak within which an alarm finds it


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """A model in integers, as app/fall_trees.py adds it up.

    features     uint8 (trees * 7): which value each question is about
    thresholds   int16 (trees * 7): greater goes right
    leaves       int16 (trees * 8)
    base         int: where the sum begins, 1024 to a unit of the log odds
    """

    features: np.ndarray
    thresholds: np.ndarray
    leaves: np.ndarray
    base: int

    def score(self, values: np.ndarray) -> np.ndarray:
        """Return the firmware's score of (n, VALUES) int16, in the same integers."""
        rows = np.arange(len(values))
        total = np.full(len(values), self.base, dtype=np.int64)
        for tree in range(len(self.features) // QUESTIONS):
            at = np.zeros(len(values), dtype=int)
            for _ in range(DEPTH):
                question = tree * QUESTIONS + at
                right = values[rows, self.features[question]] > self.thresholds[question]
                at = 2 * at + 1 + right
            total += self.leaves[tree * LEAVES + at - QUESTIONS]
        return total


# What was changed counts less at the wrist, where it costs more than it gives. Without it the rates of the recordings would
# give away what is a fall (WEDA-FALL: falls near 40 Hz, daily life near 50 Hz), so it counts all the same.
CHANGED_WEIGHT = {"trunk": 1.0, "wrist": 0.08}
EMPTY_WEIGHT = 0.3


def weights(windows: Windows) -> np.ndarray:
    """Return how much each window counts: what was recorded most, what was changed or made up less."""
    changed = CHANGED_WEIGHT[worn_at(windows.people[0].position)]
    return np.select([windows.how == AS_RECORDED, windows.how == EMPTY], [1.0, EMPTY_WEIGHT], changed)


def fit(windows: Windows, rows: np.ndarray) -> Tables:
    """Learn from some rows (a mask of n); those of which nothing is said are left out."""
    rows = rows & (windows.label != NOT_SAID)
    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_depth=DEPTH,
        learning_rate=0.1,
        l2_regularization=1.0,
        min_samples_leaf=20,
        max_features=0.2,
        early_stopping=False,  # pyright: ignore[reportArgumentType] - the stub knows only its default, "auto"
        random_state=SEED,
    )
    model.fit(windows.values[rows], windows.label[rows] == IS_FALL, sample_weight=weights(windows)[rows])
    return tables_of(model)


def tables_of(model: HistGradientBoostingClassifier) -> Tables:
    """Return a fitted model's trees in integers: thresholds rounded down, which changes no answer to an integer."""
    features = np.zeros(TREES * QUESTIONS, dtype=np.uint8)
    thresholds = np.full(TREES * QUESTIONS, NEVER, dtype=np.int16)
    leaves = np.zeros(TREES * LEAVES, dtype=np.int16)
    for tree, (predictor,) in enumerate(model._predictors):
        nodes = predictor.nodes

        def put(node: int, at: int, depth: int, tree: int = tree, nodes: np.ndarray = nodes) -> None:
            if depth == DEPTH:
                leaves[tree * LEAVES + at - QUESTIONS] = round(float(nodes[node]["value"]) * ONE)
            elif nodes[node]["is_leaf"]:
                put(node, 2 * at + 1, depth + 1)
                put(node, 2 * at + 2, depth + 1)
            else:
                features[tree * QUESTIONS + at] = nodes[node]["feature_idx"]
                thresholds[tree * QUESTIONS + at] = math.floor(nodes[node]["num_threshold"])
                put(int(nodes[node]["left"]), 2 * at + 1, depth + 1)
                put(int(nodes[node]["right"]), 2 * at + 2, depth + 1)

        put(0, 0, 0)
    base = round(float(np.ravel(model._baseline_prediction)[0]) * ONE)
    return Tables(features, thresholds, leaves, base)


def folds(windows: Windows) -> np.ndarray:
    """Return for each person which fold she is judged in; the people of each data set are spread over all folds.

    Who took part in a data set with devices at several places is one person.
    """
    subjects = sorted({(person.data_set, person.subject) for person in windows.people})
    order = np.random.default_rng(SEED).permutation(len(subjects))
    ranked = sorted(zip(subjects, order, strict=True), key=lambda each: (each[0][0], each[1]))
    fold_of = {subject: number % FOLDS for number, (subject, _) in enumerate(ranked)}
    return np.array([fold_of[person.data_set, person.subject] for person in windows.people])


@dataclass(frozen=True, slots=True)
class Figures:
    """What a limit gives on the recordings of one data set and place, as recorded."""

    falls: int
    found: int
    trials: int
    quiet: int
    alarms: int
    hours: float

    @property
    def specificity(self) -> float:
        return self.quiet / self.trials if self.trials else 1.0

    @property
    def hourly(self) -> float:
        return self.alarms / self.hours if self.hours else 0.0


def figures(windows: Windows, scores: np.ndarray, limit: int, data_set: str, position: str) -> Figures:
    """Return what would be alarmed at a limit; `scores` of rows that are not AS_RECORDED are not looked at."""
    own = [person.data_set == data_set and person.position == position for person in windows.people]
    rows = np.flatnonzero((windows.how == AS_RECORDED) & np.array(own)[windows.person])
    found, alarmed, alarms = set(), set(), 0
    last = (-1, 0)
    for row in rows[scores[rows] >= limit]:
        stream, decided, trial = windows.stream[row], windows.decided[row], int(windows.trial[row])
        if last[0] == stream and decided - last[1] < REFRACTORY:
            continue
        last = (stream, decided)
        if not windows.trials[trial].is_fall:
            alarmed.add(trial)
            alarms += 1
        elif EARLIEST <= windows.after[row] <= LATEST:
            found.add(trial)
    trials = [
        trial for trial in windows.recorded if trial.data_set == data_set and trial.position == position
    ]
    life = [each for each in trials if not each.is_fall]
    hours = sum(len(each.samples) for each in life) / 50 / 3600
    return Figures(len(trials) - len(life), len(found), len(life), len(life) - len(alarmed), alarms, hours)


def limit_for(
    windows: Windows, scores: np.ndarray, data_set: str, position: str, specificity: float, hourly: float
) -> int:
    """Return the lowest limit that keeps the specificity and the false alarms per hour on people not trained on."""
    low, high = -8 * ONE, 8 * ONE
    while low < high:
        middle = (low + high) // 2
        told = figures(windows, scores, middle, data_set, position)
        if told.specificity >= specificity and told.hourly <= hourly:
            high = middle
        else:
            low = middle + 1
    return low


def module(position: str, tables: Tables, limit: int, told: Sequence[str]) -> str:
    """Return the source of the firmware's module of tables, with what it comes from in its docstring."""
    head = f'"""Trees for a device worn at the {position}: generated by `make train`, not to be edited.'
    lines = [head, "", *told, '"""', "", f"BASE = {tables.base}", f"LIMIT = {limit}"]
    for name, data in (
        ("FEATURES", tables.features.tobytes()),
        ("THRESHOLDS", packed(tables.thresholds)),
        ("LEAVES", packed(tables.leaves)),
    ):
        lines += [f"{name} = (", *_literal(data), ")"]
    return "\n".join(lines) + "\n"


def packed(values: np.ndarray) -> bytes:
    """Return int16 as the firmware's two bytes each, little-endian, offset by 32,768."""
    return (values.astype(np.int32) + OFFSET).astype("<u2").tobytes()


def unpacked(data: bytes) -> np.ndarray:
    """Return the int16 of `packed`."""
    return (np.frombuffer(data, "<u2").astype(np.int32) - OFFSET).astype(np.int16)


def _literal(data: bytes) -> list[str]:
    rows = [data[at : at + 24] for at in range(0, len(data), 24)]
    return ['    b"' + "".join(f"\\x{each:02x}" for each in row) + '"' for row in rows]


def read(source: str) -> Tables:
    """Return the tables of a generated module."""
    names: dict[str, Any] = {}
    exec(source, names)
    features = np.frombuffer(names["FEATURES"], np.uint8)
    return Tables(features, unpacked(names["THRESHOLDS"]), unpacked(names["LEAVES"]), names["BASE"])
