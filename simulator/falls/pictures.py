"""The pictures of docs/falls.md: goals with intervals, activities, people, and the limit of the score."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .evaluation import FOLDS, Result
from .goals import NAMES, Shown, figures, pick, places, shown
from .names import in_words
from .recordings import is_old
from .scoring import Scored, false_alarms, sensitivity, specificity

GOOD, BAD, OTHER = "#2b6cb0", "#b3001b", "#888888"
POSITIONS = ("trunk", "wrist")


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams["font.size"] = 8
    return pyplot


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=90, pil_kwargs={"optimize": True}, metadata={"Software": None})
    _pyplot().close(figure)


def goals(results: Sequence[Result], path: Path) -> None:
    """Draw each line beside the goals with its interval; red is missed, the short stroke is the goal."""
    lines = shown(results)
    figure, columns = _pyplot().subplots(
        ncols=3, sharey=True, figsize=(11, 1.2 + 0.26 * len(lines)), layout="constrained"
    )
    labels = ("sensitivity, %", "specificity, %", "false alarms an hour")
    for kind, (axes, label) in enumerate(zip(columns, labels, strict=True)):
        times = 1 if NAMES[kind] == "false alarms" else 100
        for y, line in enumerate(lines):
            _one_goal(
                axes, y, NAMES[kind] in line.missed(), times, line.figures[kind], line.goal.asked()[kind]
            )
        axes.set(xlabel=label, yticks=range(len(lines)), yticklabels=[_label(line) for line in lines])
        # What few recordings leave open would press all the rest together: such intervals end at the edge.
        values = [times * line.figures[kind].value for line in lines if line.figures[kind].of]
        if values:
            edges = (0, 1.5 * max(*values, 2)) if times == 1 else (max(0, min(*values, 95) - 5), 100.5)
            axes.set_xlim(edges)
        axes.grid(axis="x", alpha=0.3)
    columns[0].invert_yaxis()
    _save(figure, path)


def _label(line: Shown) -> str:
    return f"{line.goal.label}: {line.place}"


def _one_goal(axes: Any, y: int, missed: bool, times: float, figure: Any, goal: float | None) -> None:
    if figure.of:
        colour = OTHER if goal is None else BAD if missed else GOOD
        axes.plot([times * figure.low, times * figure.high], [y, y], color=colour, linewidth=2, alpha=0.5)
        axes.plot([times * figure.value], [y], "o", color=colour, markersize=4)
    if goal is not None:
        axes.plot([times * goal, times * goal], [y - 0.4, y + 0.4], color="black", linewidth=1.5)


def activities(results: Sequence[Result], position: str, path: Path) -> None:
    """Draw the share of falls found and of daily life without alarm by what was done (folds); a panel for each place."""
    scored = pick(results, FOLDS, position)
    found = places(scored)
    own = {place: [one for one in scored if place.has(one)] for place in found}
    codes = {
        place: sorted({(not one.trial.is_fall, one.trial.code) for one in own[place]}) for place in found
    }
    heights = [len(codes[place]) + 1.5 for place in found]
    figure, rows = _pyplot().subplots(
        nrows=len(found),
        squeeze=False,
        figsize=(9, 0.6 + 0.17 * sum(heights)),
        height_ratios=heights,
        sharex=True,
        layout="constrained",
    )
    for axes, place in zip(rows[:, 0], found, strict=True):
        for y, (lives, code) in enumerate(codes[place]):
            these = [one for one in own[place] if (not one.trial.is_fall, one.trial.code) == (lives, code)]
            share = specificity(these) if lives else sensitivity(these)
            axes.barh(y, 100 * share.value, color=OTHER if lives else GOOD, height=0.75)
        words = [in_words(place.data_set, code) for _, code in codes[place]]
        words = [
            f"{word} ({code})" if word != code else code
            for word, (_, code) in zip(words, codes[place], strict=True)
        ]
        axes.set(yticks=range(len(words)), yticklabels=words, xlim=(0, 100), title=str(place))
        axes.tick_params(axis="y", labelsize=6.5)
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.3)
    rows[-1, 0].set_xlabel("% of falls found (blue), % of daily life without alarm (grey)")
    _save(figure, path)


def people(results: Sequence[Result], path: Path) -> None:
    """Draw a dot for each person: share of her falls found, and false alarms an hour; the old are red."""
    figure, columns = _pyplot().subplots(ncols=2, figsize=(10, 4.2), sharey=True, layout="constrained")
    labels: list[str] = []
    for position in POSITIONS:
        scored = pick(results, FOLDS, position)
        for place in places(scored):
            own = [one for one in scored if place.has(one)]
            _person_dots(columns[0], len(labels), own, lambda these: 100 * sensitivity(these).value)
            _person_dots(columns[1], len(labels), own, lambda these: false_alarms(these).value)
            labels.append(f"{place} ({position})")
    columns[0].set(xlabel="% of a person's falls found", yticks=range(len(labels)), yticklabels=labels)
    columns[1].set_xlabel("false alarms an hour of a person's daily life")
    columns[0].invert_yaxis()
    for axes in columns:
        axes.grid(axis="x", alpha=0.3)
    dots = [columns[1].plot([], [], "o", color=colour, markersize=4)[0] for colour in (GOOD, BAD)]
    columns[1].legend(dots, ["under 60, or age not stated", "60 and older"], loc="upper right")
    _save(figure, path)


def _person_dots(axes: Any, y: int, own: list[Scored], of: Callable[[list[Scored]], float]) -> None:
    persons = sorted({one.trial.subject for one in own})
    for number, person in enumerate(persons):
        these = [one for one in own if one.trial.subject == person]
        old = is_old(these[0].trial)
        # Spread within the row, so that people with the same value can be counted.
        axes.plot([of(these)], [y - 0.35 + 0.7 * number / max(1, len(persons) - 1)], "o", color=BAD if old else GOOD,
                  markersize=3, alpha=0.7)  # fmt: skip


def limits(results: Sequence[Result], path: Path) -> bool:
    """Draw falls found against false alarms an hour at each limit that was tried; return whether any was."""
    figure, columns = _pyplot().subplots(ncols=2, figsize=(9, 3.6), layout="constrained")
    drawn = False
    for axes, position in zip(columns, POSITIONS, strict=True):
        tried = sorted({r.limit for r in results if r.limit is not None and r.case.position == position})
        for place in places(pick(results, FOLDS, position)) if tried else []:
            rows = []
            for limit in (None, *tried):
                these = [one for one in pick(results, FOLDS, position, limit=limit) if place.has(one)]
                found, _, false = figures(these)
                rows.append((false.value, 100 * found.value))
            if any(value != value for row in rows for value in row):
                continue  # no falls, or no daily life, at this place
            drawn = True
            (line,) = axes.plot(*zip(*rows[1:], strict=True), marker=".", label=str(place), linewidth=1)
            axes.plot(*rows[0], "o", color=line.get_color(), markersize=7, markerfacecolor="none")
        axes.set(
            xlabel="false alarms an hour",
            ylabel="% of falls found",
            title=f"{position}; ring: the limit as it is",
        )
        axes.grid(alpha=0.3)
        if tried:
            axes.legend(fontsize=7, loc="lower right")
    if drawn:
        _save(figure, path)
    else:
        _pyplot().close(figure)
    return drawn


def draw(results: Sequence[Result], folder: Path) -> tuple[tuple[str, str], ...]:
    """Draw all pictures into a folder; return (file, what it shows) of each."""
    drawn = []
    goals(results, folder / "falls-goals.png")
    drawn.append(
        (
            "falls-goals.png",
            "Each line beside the goals with its 95 % interval; the stroke is the goal, red is missed",
        )
    )
    people(results, folder / "falls-people.png")
    drawn.append(
        (
            "falls-people.png",
            "A dot for each person: share of falls found, false alarms an hour; the old in red",
        )
    )
    for position in POSITIONS:
        if pick(results, FOLDS, position):
            file = f"falls-activities-{position}.png"
            activities(results, position, folder / file)
            drawn.append((file, f"What is found and what is mistaken at the {position}, by what people did"))
    if limits(results, folder / "falls-limits.png"):
        drawn.append(
            ("falls-limits.png", "Falls found against false alarms an hour at other limits of the score")
        )
    return tuple(drawn)
