"""The report says what was reached and what was missed, each with its n, from results small enough to be counted by hand."""

import re

import pytest
from made_up import result, trial

from simulator.falls import goals, pictures, sections
from simulator.falls.evaluation import LEFT_OUT, ONE_QUIET
from simulator.falls.report import DOCUMENT, detector_hash
from simulator.falls.scoring import Figure
from simulator.falls.sections import Told, text

TOLD = Told("A detector that was made up.")


def falls(count, missed=0, **where):
    """One person who falls and lives: her falls, some of them missed, then as many trials of daily life without alarm."""
    trials = [trial("F01", n, **where) for n in range(1, count + 1)]
    trials += [trial("D01", n, seconds=60, **where) for n in range(1, count + 1)]
    return trials, [25 * n + 6 for n in range(count - missed)]


def line(results, label, place):
    (found,) = [one for one in goals.shown(results) if one.goal.label == label and str(one.place) == place]
    return found


def table_row(report, *cells):
    """Return the cells of the one row of the report that begins with these."""
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in report.splitlines()
        if row.startswith("|")
    ]
    (found,) = {tuple(row) for row in rows if tuple(row[: len(cells)]) == cells}
    return found


def test_a_goal_that_is_reached_is_met_and_one_that_is_not_is_missed():
    good = result(*falls(10))
    bad = result(*falls(10, missed=1))
    assert (
        "missed"
        not in line([good], "trunk, same kind of recording, unseen people", "SisFall, waist").verdict()
    )
    said = line([bad], "trunk, same kind of recording, unseen people", "SisFall, waist").verdict()
    assert said.startswith("**missed**: sensitivity")
    assert "specificity" not in said.split(";")[0]


def test_every_missed_goal_is_said_in_short_with_its_figure_and_what_is_asked_for():
    trials, found = falls(10, missed=1)
    report = text([result(trials, [*found, 260, 321, 400])], TOLD)
    short = report[report.index("## In short") : report.index("## Beside the goals")]
    (said,) = [row for row in short.splitlines() if "unseen people (SisFall, waist)" in row]
    assert said.startswith("* missed: trunk")
    assert "90.0 % of falls found, 99 % are asked for" in said
    assert "70.0 % of daily life without alarm, 99.5 % are asked for" in said
    assert re.search(r"18\.00 \([\d.]+–[\d.]+\) false alarms an hour, at most 1 asked for", said)


def test_a_goal_that_is_reached_in_only_one_way_of_making_the_quiet_is_missed():
    trials, found = falls(10)
    plain, other = result(trials, found), result(trials, [*found, 260], what=ONE_QUIET)
    shown = line([plain, other], "trunk, same kind of recording, unseen people", "SisFall, waist")
    assert shown.missed() == []
    assert shown.verdict().startswith(f"**missed** with {ONE_QUIET}: specificity, false alarms")
    said = text([plain, other], TOLD)
    assert f"with {ONE_QUIET}: 90.0 % of daily life without alarm, 99.5 % are asked for" in said
    assert "Of 1 lines beside the goals 0 are met" in said


def test_a_row_that_is_met_by_a_hair_is_met_and_the_interval_is_said_to_reach_beyond_the_goal():
    said = line(
        [result(*falls(100, missed=1))], "trunk, same kind of recording, unseen people", "SisFall, waist"
    )
    assert said.missed() == []
    assert "sensitivity" in said.doubted()
    assert "the interval reaches beyond the goal: sensitivity" in said.verdict()


def test_no_rounding_reaches_a_goal():
    assert goals.percent(Figure(9899, 10_000, 10, 0.98, 0.99)) == "98.9"
    assert goals.percent(Figure(99, 100, 10, 0.98, 1)) == "99.0"
    assert goals.rate(Figure(1001, 1000.0, 10, 0.9, 1.1)).startswith("1.01 ")
    assert goals.rate(Figure(25, 25.0, 10, 0.9, 1.1)).startswith("1.00 ")


def test_what_nobody_did_is_said_to_be_not_shown_and_never_met():
    old_lives = result([trial("D01", n, seconds=60, subject="SE01", age=71) for n in (1, 2)])
    said = line([old_lives], "trunk, older people", "SisFall, waist").verdict()
    assert said.startswith("met")
    assert "not shown here: sensitivity" in said
    nobody = line([result(*falls(3))], "trunk, older people", "all together").verdict()
    assert nobody == "not shown here: sensitivity, false alarms"
    report = text([result(*falls(3))], TOLD)
    assert "Nothing was run that could show it." in report


def test_people_trained_without_their_data_set_are_not_mixed_with_those_in_folds():
    folds, left = result(*falls(10)), result(*falls(10, missed=5), name=LEFT_OUT)
    report = text([folds, left], TOLD)
    assert table_row(report, "trunk", "SisFall, waist", "1", "10 of 10")[4].startswith("100.0 %")
    assert table_row(report, "trunk", "SisFall, waist", "1", "5 of 10")[4].startswith("50.0 %")


def test_all_together_counts_people_of_every_data_set_and_each_place_has_its_own_row():
    one = result(*falls(4))
    other = result(*falls(4, missed=2, data_set="mobifall", position="pocket", subject="2"), fold=2)
    report = text([one, other], TOLD)
    assert table_row(report, "trunk", "all together", "2", "6 of 8")
    assert table_row(report, "trunk", "MobiFall, pocket", "1", "2 of 4")
    assert table_row(report, "trunk", "2", "1", "2 of 4")


def test_each_false_alarm_is_named_with_data_set_person_code_trial_and_second():
    walk = trial("D12", 4, seconds=20, subject="SE05", age=63)
    report = text([result([walk], [7.5, 22])], TOLD)
    row = ("trunk", "SisFall", "waist", "SE05 (old)", "D12, sits, lies down slowly, and sits again", "4")
    section = report[report.index("## Each false alarm") :]
    assert "Folds: 2 in daily life" in section
    assert f"| {' | '.join(row)} | 7.5 s |" in section
    assert f"| {' | '.join(row)} | 22.0 s (in the quiet after it) |" in section


def test_an_alarm_beside_a_falls_window_is_named_apart_and_is_none_of_daily_life():
    section = "\n".join(sections.false_alarms_section([result([trial("F01", 1)], [2])]))
    assert "Folds: 0 in daily life" in section
    assert "Folds: 1 in recordings of falls" in section


def test_each_missed_fall_is_named_by_person_and_trial():
    section = "\n".join(sections.missed_section([result(*falls(3, missed=2))]))
    assert "| F01, slips while walking, falls forwards | 2 | SA03/2, SA03/3 |" in section


def test_what_people_did_is_said_in_words_and_a_code_without_known_words_stays_a_code():
    report = text(
        [
            result([trial("D18", 1), trial("F06", 2)], [31]),
            result([trial("A07", 1, data_set="smartfallmm", position="hip", subject="Y21")]),
        ],
        TOLD,
    )
    assert table_row(report, "D18", "stumbles while walking")[3] == "1 of 1 without alarm"
    assert table_row(report, "F06", "faints while walking, falls straight down")[3] == "1 of 1 found"
    assert table_row(report, "A07", "")[3] == "1 of 1 without alarm"


@pytest.mark.parametrize(
    ("missed", "points", "verdict"), [(0, "+0.0", "met"), (1, "-1.0", "met"), (2, "-2.0", "**missed**")]
)
def test_a_change_may_cost_one_point_and_no_more(missed, points, verdict):
    plain, after = result(*falls(100)), result(*falls(100, missed=missed), what="turned")
    quiet = result(*falls(100, missed=50), what=ONE_QUIET)
    report = "\n".join(sections.robustness_section([plain, quiet, after]))
    row = table_row(report, "turned")
    assert row[1] == f"{points} · +0.0"
    assert row[-1].startswith(verdict)
    assert report.index("| turned") < report.index(f"| {ONE_QUIET}")


def test_the_limit_as_it_is_stands_beside_others():
    results = [result(*falls(10)), result(*falls(10, missed=4), limit=900)]
    report = text(results, TOLD)
    assert table_row(report, "as it is")[1].startswith("100.0 %")
    assert table_row(report, "900")[1].startswith("60.0 %")
    assert "none was tried" in text(results[:1], TOLD)


def test_what_was_tried_stands_in_the_report_where_there_is_something_to_tell():
    results = [result(*falls(3))]
    assert "What was tried" not in text(results, TOLD)
    assert "A larger forest" in text(results, Told("Made up.", "A larger forest gave nothing."))


def test_the_report_says_what_no_data_here_can_show():
    report = text([result(*falls(3))], TOLD)
    for word in ("per day", "Real falls of old people", "on a cord", "Long lies", "Our own silicon"):
        assert word in report[report.index("## What no data here can show") :]


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head():
    left = result(*falls(4, missed=1), name=LEFT_OUT)
    wrist = result(*falls(4, position="wrist", data_set="wedafall", subject="U21", age=95), position="wrist")
    report = text([result(*falls(4)), left, wrist, result(*falls(4, missed=1), what="4 g")], TOLD)
    head = 0
    for row in report.splitlines():
        if not row.startswith("|"):
            head = 0
            continue
        cells = row.count("|") - 1
        head = head or cells
        assert cells == head, row


def test_the_pictures_are_drawn_small_and_named_in_the_report(tmp_path):
    results = [
        result(*falls(4, missed=1)),
        result(*falls(4, position="wrist", data_set="wedafall", subject="U21", age=95), position="wrist"),
        result(*falls(4, missed=2), limit=900),
    ]
    drawn = pictures.draw(results, tmp_path)
    assert {file for file, _ in drawn} == {path.name for path in tmp_path.iterdir()}
    assert "falls-limits.png" in {file for file, _ in drawn}
    report = text(results, Told("Made up.", "", drawn))
    for file, caption in drawn:
        assert f"![{caption}]({file})" in report
        assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / file).stat().st_size < 200_000


def test_the_committed_report_is_of_the_detector_that_is_in_the_firmware():
    assert detector_hash() in DOCUMENT.read_text(), "make falls writes it again"


def test_every_picture_of_the_committed_report_is_there_and_small():
    named = re.findall(r"!\[[^]]+\]\(([^)]+)\)", DOCUMENT.read_text())
    assert named
    for file in named:
        assert (DOCUMENT.parent / file).stat().st_size < 200_000
