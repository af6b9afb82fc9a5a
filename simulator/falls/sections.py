"""The sections of docs/falls.md: results of an evaluation in, Markdown out; missed goals are said as missed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import recordings
from .evaluation import AS_RECORDED, FOLDS, LEFT_OUT, ONE_QUIET, Result
from .goals import (
    ALL,
    GOALS,
    NAMES,
    Figures,
    Place,
    Shown,
    counts,
    figures,
    in_hours,
    percent,
    pick,
    places,
    rate,
    share,
    shown,
)
from .names import DATA_SETS, in_words
from .recordings import is_old
from .scoring import RESAMPLES, Figure, Scored, false_alarms, sensitivity, specificity

COSTS_AT_MOST = 1.0  # point, for each change

HOW = f"""\
Everything below was made by `make falls`: the firmware's own detector, in MicroPython, on other people's
recordings. The recordings are not part of this project; where they are not beside the checkout, the command
says so and ends.

How it is scored:

* Each person's recordings are fed one after another, as to a device that is worn all the while: what one
  leaves behind, the next one meets. After each come 10 s made of one quiet second of the same person, the
  one nearest to how the device was turned at the recording's end. All is run once more with the quietest
  second of all for every join, however it is turned; a goal that is reached in only one of the two ways
  counts as missed.
* A fall is found only if an alarm is decided from 1 s before to 10 s after its largest peak.
* One alarm per 10 s counts, the first. An alarm that is a little too early takes the fall's place, and the
  fall is missed.
* An alarm that finds no fall belongs to the recording in which it was decided, or in whose quiet.
  Specificity is the share of daily-life recordings to which no alarm belongs. Alarms per hour count the
  hours of daily-life recordings alone, without the quiet between them.
* In brackets is the 95 % interval, the wider of two at each end: people are drawn again and again with all
  that is theirs ({RESAMPLES:,} times, a fixed seed), because one person's recordings are alike; and the
  exact interval of a share or a count (Clopper and Pearson, Garwood), because drawing people says nothing
  where nobody had an error. Where nobody had one, only the second speaks; it takes recordings as
  independent, so it is too narrow rather than too wide.
* Shares are rounded down and alarms per hour up, so that no goal is reached by rounding.
"""

CANNOT = """\
* **Falls and false alarms per day.** Nobody here lived freely. An hour of these scripts holds more sitting
  down, lying down, jumping and jogging than most days do; how many false alarms a week brings, only people
  who wear it can show.
* **Real falls of old people.** Every fall here was made on purpose, on a mat, by somebody under 60 who knew
  that it was coming. Not one person of 60 or more falls in these recordings.
* **Slow falls**: sliding from a bed or down a wall, sinking to the knees, falling against furniture, and
  what a walking frame, a wheelchair, a tremor or a stroke makes of movements. None was recorded.
* **Long lies.** Recordings end seconds after the fall; whether somebody gets up a minute later is not in
  them.
* **A pendant on a cord.** Every recording was made with the device fastened; the swinging cord is
  simulated, and so is a device put down hard, thrown or dropped without its wearer.
* **Chest.** No data set here was recorded at the chest, and SisFall is the only one with falls at the belt.
* **Our own silicon.** The samples come from other people's chips. What our accelerometer measures, how it
  wakes the processor and how long the arithmetic takes on a board has been simulated or counted, not
  measured.
* **Other laboratories' people, within one data set.** Folds keep people apart, but those of one data set
  followed one script in one room. The left-out data sets are nearer to what strangers will see.
* **Some figures flatter or blame the recording.** WEDA-FALL's young falls were recorded near 40 Hz and its
  daily life near 50 Hz, which a detector might notice. SmartFallMM is cut so tightly that seconds before
  and after a fall are missing, and at the wrist its sensor ends at ±2 g, as MobiFall's does in the pocket.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What the report says beside its figures: which detector, and what was tried for rows that are missed."""

    detector: str
    tried: str = ""
    pictures: tuple[tuple[str, str], ...] = ()  # (file beside the report, what it shows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def _people(scored: Iterable[Scored]) -> str:
    return str(len({(one.trial.data_set, one.trial.subject) for one in scored}))


def goals_section(results: Sequence[Result]) -> list[str]:
    """Return the goals, each with what was shown beside it."""
    lines = ["## Beside the goals", ""]
    every = shown(results)
    for goal in GOALS:
        units = ("sensitivity ≥ {:g} %", "specificity ≥ {:g} %", "≤ {:g} false alarms an hour")
        asked = [
            unit.format(value if "hour" in unit else 100 * value)
            for unit, value in zip(units, goal.asked(), strict=True)
            if value is not None
        ]
        lines += [f"**{goal.label[0].upper()}{goal.label[1:]}**: {', '.join(asked)}.", ""]
        rows = []
        for line in (line for line in every if line.goal is goal):
            found, free, false = line.figures
            rows.append(
                (
                    str(line.place),
                    f"{found.people or '–'} / {free.people or '–'}",
                    f"{counts(found)}: {share(found)}" if found.of else "–",
                    f"{counts(free)}: {share(free)}" if free.of else "–",
                    rate(false),
                    line.verdict(),
                )
            )
        head = (
            "recordings",
            "people who fall / live",
            "falls found",
            "daily life without alarm",
            "alarms an hour",
        )
        lines += _table((*head, "verdict"), rows) if rows else ["Nothing was run that could show it.", ""]
    return lines


def _rows(scored: Sequence[Scored], label: Sequence[str]) -> tuple[str, ...]:
    found, free, false = figures(scored)
    return (
        *label,
        _people(scored),
        counts(found),
        share(found),
        counts(free),
        share(free),
        in_hours(false),
        rate(false),
    )


HEAD = ("people", "falls", "sensitivity", "daily life", "specificity", "false alarms", "an hour")


def folds_section(results: Sequence[Result]) -> list[str]:
    """Return five folds by subject: by place, young and old, and fold by fold."""
    lines = ["## Five folds by subject", ""]
    lines += [
        "Each person is judged by a detector that was trained on other people of the same data sets.",
        "",
    ]
    by_place, by_age, by_fold = [], [], []
    for position in ("trunk", "wrist"):
        scored = pick(results, FOLDS, position)
        found = places(scored)
        for place in (ALL, *found) if len(found) > 1 else found:
            own = [one for one in scored if place.has(one)]
            by_place.append(_rows(own, (position, str(place))))
            for label, old in (("under 60, or age not stated", False), ("60 and older", True)):
                aged = [one for one in own if is_old(one.trial) == old]
                if aged:
                    by_age.append(_rows(aged, (position, str(place), label)))
        for fold in sorted({result.case.fold for result in results if result.case.name == FOLDS}):
            own = pick((result for result in results if result.case.fold == fold), FOLDS, position)
            if own:
                by_fold.append(_rows(own, (position, str(fold))))
    lines += _table(("detector", "recordings", *HEAD), by_place)
    lines += ["### Young and old", ""]
    lines += ["SmartFallMM's older group (O) counts as 60 and older; it states no ages.", ""]
    lines += _table(("detector", "recordings", "age", *HEAD), by_age)
    lines += ["### Fold by fold", "", *_table(("detector", "fold", *HEAD), by_fold)]
    return lines


def left_out_section(results: Sequence[Result]) -> list[str]:
    """Return each data set by a detector that was trained without it."""
    lines = ["## A whole data set left out", ""]
    rows = []
    for position in ("trunk", "wrist"):
        scored = pick(results, LEFT_OUT, position)
        rows += [
            _rows([one for one in scored if place.has(one)], (position, str(place)))
            for place in places(scored)
        ]
    lines += ["Each data set is judged by a detector that was trained without any of it.", ""]
    return lines + _table(("detector", "left out", *HEAD), rows)


def activities_section(results: Sequence[Result]) -> list[str]:
    """Return what was found and mistaken, by what people did (folds)."""
    lines = [
        "## By activity",
        "",
        "People in folds, as above. SmartFallMM's codes are given as they are.",
        "",
    ]
    for position in ("trunk", "wrist"):
        scored = pick(results, FOLDS, position)
        for place in places(scored):
            own = [one for one in scored if place.has(one)]
            codes = sorted(
                {(one.trial.is_fall, one.trial.code) for one in own}, key=lambda pair: (not pair[0], pair[1])
            )
            rows = []
            for is_fall, code in codes:
                these = [one for one in own if (one.trial.is_fall, one.trial.code) == (is_fall, code)]
                figure = sensitivity(these) if is_fall else specificity(these)
                what = in_words(place.data_set, code)
                done = f"{counts(figure)} {'found' if is_fall else 'without alarm'}"
                rate_said = "" if is_fall else rate(false_alarms(these))
                rows.append(
                    (code, what if what != code else "", _people(these), done, share(figure), rate_said)
                )
            lines += [f"### {place} ({position})", ""]
            lines += _table(
                ("code", "what is done", "people", "of them", "share", "false alarms an hour"), rows
            )
    return lines


def _in_order(scored: Iterable[Scored]) -> list[Scored]:
    """Return trials by data set, position, person, code and trial."""
    order = list(DATA_SETS)
    return sorted(
        scored,
        key=lambda one: (
            order.index(one.trial.data_set), one.trial.position, one.trial.subject, one.trial.code, one.trial.trial
        ),
    )  # fmt: skip


def _when(one: Scored, at_s: float) -> str:
    begun = len(one.trial.samples) / recordings.RATE_HZ
    return f"{at_s:.1f} s" if at_s < begun else f"{at_s:.1f} s (in the quiet after it)"


def false_alarms_section(results: Sequence[Result]) -> list[str]:
    """Return each false alarm by name, and alarms beside a fall's window."""
    lines = ["## Each false alarm", ""]
    for name in (FOLDS, LEFT_OUT):
        rows, beside = [], []
        for position in ("trunk", "wrist"):
            for one in _in_order(pick(results, name, position)):
                t = one.trial
                what = in_words(t.data_set, t.code)
                told = (
                    position,
                    DATA_SETS[t.data_set],
                    t.position,
                    t.subject + (" (old)" if is_old(t) else ""),
                )
                done = f"{t.code}, {what}" if what != t.code else t.code
                (beside if t.is_fall else rows).extend(
                    (*told, done, str(t.trial), _when(one, at_s)) for at_s in one.alarms_s
                )
        head = ("detector", "data set", "worn at", "person", "activity", "trial", "decided at")
        lines += [f"### {name[0].upper()}{name[1:]}: {len(rows)} in daily life", ""]
        lines += _table(head, rows) if rows else ["None.", ""]
        lines += [
            f"### {name[0].upper()}{name[1:]}: {len(beside)} in recordings of falls, but outside the fall's window",
            "",
        ]
        lines += _table(head, beside) if beside else ["None.", ""]
    return lines


def missed_section(results: Sequence[Result]) -> list[str]:
    """Return each fall that was not found, by person and trial."""
    lines = ["## Each missed fall", "", "Person/trial, by what was done.", ""]
    for name in (FOLDS, LEFT_OUT):
        rows = []
        for position in ("trunk", "wrist"):
            by_code: dict[tuple[Place, str], list[str]] = {}
            for one in _in_order(pick(results, name, position)):
                t = one.trial
                if t.is_fall and not one.found:
                    by_code.setdefault((Place(t.data_set, t.position), t.code), []).append(
                        f"{t.subject}/{t.trial}"
                    )
            for (place, code), who in sorted(by_code.items(), key=lambda item: (str(item[0][0]), item[0][1])):
                what = in_words(place.data_set, code)
                rows.append(
                    (
                        position,
                        str(place),
                        code + (f", {what}" if what != code else ""),
                        str(len(who)),
                        ", ".join(who),
                    )
                )
        lines += [f"### {name[0].upper()}{name[1:]}", ""]
        lines += _table(("detector", "recordings", "fall", "missed", "who"), rows) if rows else ["None.", ""]
    return lines


def _points(plain: Figure, changed: Figure) -> float | None:
    # Rounded, or 99 of 100 after 100 of 100 would be a hair more than one point.
    return round(100 * (plain.value - changed.value), 6) if plain.of and changed.of else None


def _signed(points: float | None) -> str:
    return "–" if points is None else f"{-points + 0.0:+.1f}"


def robustness_section(results: Sequence[Result]) -> list[str]:
    """Return what each change of the recordings costs, in points of sensitivity and specificity."""
    whats = list(dict.fromkeys(result.what for result in results if result.what != AS_RECORDED))
    whats.sort(key=lambda what: what == ONE_QUIET)
    lines = ["## What changes cost", ""]
    lines += [
        "Points of sensitivity · points of specificity that are gained (+) or lost (-) when the same people's",
        f"recordings are changed (folds). Of each at most {COSTS_AT_MOST:g} point may be lost, all together; single",
        "places are there to be seen. The last row is another way of making the quiet between recordings, and says",
        "how much that matters.",
        "",
    ]
    for position in ("trunk", "wrist"):
        plain = pick(results, FOLDS, position)
        if not plain:
            continue
        columns = (ALL, *places(plain))
        rows = []
        for what in whats:
            after = pick(results, FOLDS, position, what)
            if not after:
                continue
            costs = []
            for place in columns:
                before_here = [one for one in plain if place.has(one)]
                after_here = [one for one in after if place.has(one)]
                costs.append(
                    (
                        _points(sensitivity(before_here), sensitivity(after_here)),
                        _points(specificity(before_here), specificity(after_here)),
                    )
                )
            too_much = [
                name
                for name, cost in zip(("sensitivity", "specificity"), costs[0], strict=True)
                if cost is not None and cost > COSTS_AT_MOST
            ]
            verdict = f"**missed**: {', '.join(too_much)}" if too_much else "met"
            rows.append((what, *(f"{_signed(a)} · {_signed(b)}" for a, b in costs), verdict))
        lines += [f"### {position[0].upper()}{position[1:]}", ""]
        lines += _table(("change", *map(str, columns), "verdict"), rows) if rows else ["Nothing was run.", ""]
    return lines


def limits_section(results: Sequence[Result]) -> list[str]:
    """Return what other limits of the score would find and mistake."""
    lines = ["## The limit of the score", ""]
    any_limit = False
    for position in ("trunk", "wrist"):
        limits = sorted({r.limit for r in results if r.limit is not None and r.case.position == position})
        if not limits:
            continue
        any_limit = True
        rows = [("as it is", *_found(pick(results, FOLDS, position)))]
        rows += [(str(limit), *_found(pick(results, FOLDS, position, limit=limit))) for limit in limits]
        lines += [f"### {position[0].upper()}{position[1:]}", ""]
        lines += _table(("LIMIT", "sensitivity", "specificity", "false alarms an hour"), rows)
    if not any_limit:
        lines += ["This detector has no limit that could be moved, or none was tried.", ""]
    return lines


def _found(scored: Sequence[Scored]) -> tuple[str, str, str]:
    found, free, false = figures(scored)
    return share(found), share(free), rate(false)


def _short_of(line: Shown, names: Sequence[str], figures: Figures) -> str:
    """Return what is missed, with its figure and what is asked for."""
    parts = []
    for name, figure, asked in zip(NAMES, figures, line.goal.asked(), strict=True):
        if name in names and asked is not None:
            of = {"sensitivity": "of falls found", "specificity": "of daily life without alarm"}.get(name)
            got = f"{percent(figure)} % {of}" if of else f"{rate(figure)} false alarms an hour"
            parts.append(
                f"{got}, {100 * asked:g} % are asked for" if of else f"{got}, at most {asked:g} asked for"
            )
    return "; ".join(parts)


def summary(results: Sequence[Result]) -> list[str]:
    """Return how many lines beside the goals are met, and each that is missed with its figures."""
    judged = [
        line for line in shown(results) if line.verdict() and not line.verdict().startswith("not shown")
    ]
    missed = [line for line in judged if line.missed() or line.missed_otherwise()]
    said = [
        f"Of {len(judged)} lines beside the goals {len(judged) - len(missed)} are met as far as they can be shown,",
        f"{len(missed)} are missed{':' if missed else '.'}",
        "",
    ]
    for line in missed:
        parts = [_short_of(line, line.missed(), line.figures)] if line.missed() else []
        if line.otherwise and line.missed_otherwise():
            parts.append(f"with {ONE_QUIET}: {_short_of(line, line.missed_otherwise(), line.otherwise)}")
        said.append(f"* missed: {line.goal.label} ({line.place}): {'; '.join(parts)}.")
    return [*said, ""] if missed else said


def text(results: Sequence[Result], told: Told) -> str:
    """Return the whole report."""
    lines = ["# What the fall detector finds, and what it mistakes for a fall", "", told.detector, "", HOW]
    lines += ["## In short", "", *summary(results)]
    for file, caption in told.pictures:
        lines += [f"![{caption}]({file})", ""]
    lines += goals_section(results)
    if told.tried:
        lines += ["## What was tried for what is missed", "", told.tried.strip(), ""]
    lines += ["## What no data here can show", "", CANNOT]
    for section in (
        folds_section,
        left_out_section,
        robustness_section,
        limits_section,
        activities_section,
        missed_section,
        false_alarms_section,
    ):
        lines += section(results)
    return "\n".join(lines).rstrip() + "\n"
