"""What the fall detector must show, and what was shown beside it: missed is said as missed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .evaluation import AS_RECORDED, FOLDS, LEFT_OUT, ONE_QUIET, Result
from .names import DATA_SETS
from .recordings import is_old
from .scoring import Figure, Scored, false_alarms, sensitivity, specificity


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of the goals: shares and alarms per hour; None where the goal names none."""

    label: str
    case: str
    position: str
    old: bool
    sensitivity: float | None
    specificity: float | None
    false_alarms: float | None

    def asked(self) -> tuple[float | None, float | None, float | None]:
        """Return (sensitivity, specificity, false alarms per hour) as they are asked for."""
        return self.sensitivity, self.specificity, self.false_alarms


GOALS = (
    Goal("trunk, same kind of recording, unseen people", FOLDS, "trunk", False, 0.99, 0.995, 1.0),
    Goal("trunk, a data set never seen", LEFT_OUT, "trunk", False, 0.98, 0.99, 2.0),
    Goal("trunk, older people", FOLDS, "trunk", True, 0.95, None, 1.5),
    Goal("wrist, unseen people", FOLDS, "wrist", False, 0.95, 0.97, None),
    Goal("wrist, a data set never seen", LEFT_OUT, "wrist", False, 0.93, 0.97, None),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A data set and where on the body it was recorded; both empty for all together."""

    data_set: str = ""
    worn: str = ""

    def __str__(self) -> str:
        return f"{DATA_SETS[self.data_set]}, {self.worn}" if self.data_set else "all together"

    def has(self, one: Scored) -> bool:
        """Whether a trial was recorded here."""
        return not self.data_set or (one.trial.data_set, one.trial.position) == (self.data_set, self.worn)


ALL = Place()


def pick(
    results: Iterable[Result], name: str, position: str, what: str = AS_RECORDED, limit: int | None = None
) -> list[Scored]:
    """Return the trials of all cases of a name and position, run in one way."""
    return [
        one
        for result in results
        if (result.case.name, result.case.position, result.what, result.limit)
        == (name, position, what, limit)
        for one in result.scored
    ]


def places(scored: Iterable[Scored]) -> list[Place]:
    """Return where trials were recorded, in the order of the data sets."""
    order = list(DATA_SETS)
    found = {Place(one.trial.data_set, one.trial.position) for one in scored}
    return sorted(found, key=lambda place: (order.index(place.data_set), place.worn))


Figures = tuple[Figure, Figure, Figure]  # sensitivity, specificity, false alarms per hour
NAMES = ("sensitivity", "specificity", "false alarms")


@dataclass(frozen=True, slots=True)
class Shown:
    """One line beside the goals; `otherwise` with one quiet second for every join, None where that was not run."""

    goal: Goal
    place: Place
    figures: Figures
    otherwise: Figures | None = None

    def missed(self) -> list[str]:
        """Return what falls short of the goal, by name."""
        return [
            name for name, goal, figure in self._compared(self.figures) if _short(name, figure.value, goal)
        ]

    def missed_otherwise(self) -> list[str]:
        """Return what falls short only when the quiet between recordings is made in the other way."""
        if self.otherwise is None:
            return []
        short = [
            name for name, goal, figure in self._compared(self.otherwise) if _short(name, figure.value, goal)
        ]
        return [name for name in short if name not in self.missed()]

    def doubted(self) -> list[str]:
        """Return what reaches the goal, but whose interval reaches beyond it."""
        bad_ends = [
            (name, goal, figure.high if name == "false alarms" else figure.low)
            for name, goal, figure in self._compared(self.figures)
            if name not in self.missed()
        ]
        return [name for name, goal, end in bad_ends if _short(name, end, goal)]

    def unseen(self) -> list[str]:
        """Return what has a goal but no recordings to show it."""
        seen = [name for name, _, _ in self._compared(self.figures)]
        return [
            name
            for name, goal in zip(NAMES, self.goal.asked(), strict=True)
            if goal is not None and name not in seen
        ]

    def verdict(self) -> str:
        """Return it in words; missed is said first."""
        said = []
        if self.missed():
            said.append(f"**missed**: {', '.join(self.missed())}")
        elif self._compared(self.figures) and not self.missed_otherwise():
            said.append("met")
        if self.missed_otherwise():
            said.append(f"**missed** with {ONE_QUIET}: {', '.join(self.missed_otherwise())}")
        if self.doubted():
            said.append(f"the interval reaches beyond the goal: {', '.join(self.doubted())}")
        if self.unseen():
            said.append(f"not shown here: {', '.join(self.unseen())}")
        return "; ".join(said)

    def _compared(self, figures: Figures) -> list[tuple[str, float, Figure]]:
        rows = zip(NAMES, self.goal.asked(), figures, strict=True)
        return [(name, goal, figure) for name, goal, figure in rows if goal is not None and figure.of]


def _short(name: str, value: float, goal: float) -> bool:
    return value > goal if name == "false alarms" else value < goal


def figures(scored: Sequence[Scored]) -> Figures:
    """Return (sensitivity, specificity, false alarms per hour)."""
    return sensitivity(scored), specificity(scored), false_alarms(scored)


def shown(results: Sequence[Result]) -> list[Shown]:
    """Return the lines beside each goal: all together where people of all data sets were trained on, and each place."""
    lines = []
    for goal in GOALS:
        scored, other = (
            [
                one
                for one in pick(results, goal.case, goal.position, what)
                if is_old(one.trial) or not goal.old
            ]
            for what in (AS_RECORDED, ONE_QUIET)
        )
        found = places(scored)
        if goal.case == FOLDS and len(found) != 1:
            found = [ALL, *found]
        for place in found:
            here, there = ([one for one in many if place.has(one)] for many in (scored, other))
            lines.append(Shown(goal, place, figures(here), figures(there) if there else None))
    return lines


def share(figure: Figure) -> str:
    """Return `98.7 % (97.9–99.4)`; rounded down, so that no rounding reaches a goal; a dash where there is nothing."""
    if not figure.of:
        return "–"
    return f"{percent(figure)} % ({100 * figure.low:.1f}–{100 * figure.high:.1f})"


def percent(figure: Figure) -> str:
    """Return the share in percent with one digit, rounded down."""
    return f"{figure.hits * 1000 // int(figure.of) / 10:.1f}"


def rate(figure: Figure) -> str:
    """Return `1.25 (0.5–2.4)` per hour, rounded up; a dash where there are no hours."""
    if not figure.of:
        return "–"
    return f"{math.ceil(figure.value * 100 - 1e-9) / 100:.2f} ({figure.low:.2f}–{figure.high:.2f})"


def counts(figure: Figure) -> str:
    """Return `1190 of 1198`; a dash where there is nothing."""
    return f"{figure.hits} of {figure.of:.0f}" if figure.of else "–"


def in_hours(figure: Figure) -> str:
    """Return `12 in 9.31 h`; a dash where there are no hours."""
    return f"{figure.hits} in {figure.of:.2f} h" if figure.of else "–"
