"""Strict scoring: what finds a fall, whose an alarm is, what counts once, and how far a figure can be trusted."""

import numpy as np
import pytest
from made_up import scored, stream, trial

from simulator.falls import scoring


@pytest.mark.parametrize(
    ("after_peak_s", "found"), [(-1.02, False), (-1, True), (0, True), (3, True), (10, True), (10.02, False)]
)
def test_a_fall_is_found_only_from_one_second_before_its_peak_to_ten_after(after_peak_s, found):
    (one,) = scored(stream(trial("F01", peak_s=5)), 5 + after_peak_s)
    assert one.found == found
    assert bool(one.alarms_s) != found


def test_the_window_is_measured_from_the_largest_peak_not_from_the_first():
    fall = trial("F01", seconds=20, peak_s=2)
    fall.samples[15 * 50] = 5000
    (early,) = scored(stream(fall), 3)
    (late,) = scored(stream(fall), 16)
    assert (early.found, late.found) == (False, True)


def test_a_peak_at_the_end_of_sixteen_bits_is_still_the_largest():
    fall = trial("F01", peak_s=5)
    fall.samples[600] = -32768
    assert scoring.peak(fall.samples) == 600


def test_a_fall_decided_in_the_quiet_after_its_recording_is_found():
    (fall,) = scored(stream(trial("F01", seconds=6, peak_s=5.5)), 12)
    assert fall.found


def test_an_alarm_in_the_quiet_after_a_trial_belongs_to_that_trial():
    walk, sit = scored(stream(trial("D01", 1), trial("D02", 2)), 24.9)
    assert walk.alarms_s == (24.9,)
    assert sit.alarms_s == ()


def test_an_alarm_before_a_fall_at_its_beginning_finds_it_though_it_lies_in_the_quiet_before():
    walk, fall = scored(stream(trial("D01", 1), trial("F01", 2, peak_s=0.5)), 24.8)
    assert walk.alarms_s == ()
    assert fall.found


def test_alarms_within_ten_seconds_count_once_and_the_first_one_counts():
    assert scoring.counted([700, 0, 499, 500, 999]) == [0, 500]
    (walk,) = scored(stream(trial("D01", seconds=40)), 3, 4, 12.9, 13)
    assert walk.alarms_s == (3.0, 13.0)


def test_an_alarm_too_early_takes_the_falls_place():
    (fall,) = scored(stream(trial("F01", peak_s=5)), 3, 8)
    assert not fall.found
    assert fall.alarms_s == (3.0,)


def test_the_same_alarm_never_finds_two_falls():
    first, second = scored(stream(trial("F01", 1, seconds=1, peak_s=0.98), trial("F02", 2, peak_s=0)), 10.5)
    assert [first.found, second.found].count(True) == 1


def test_alarms_outside_the_stream_are_refused():
    with pytest.raises(ValueError, match="outside the stream"):
        scored(stream(trial("F01")), 25)
    with pytest.raises(ValueError, match="outside the stream"):
        scored(stream(trial("F01")), -1)


def test_a_second_alarm_in_a_fall_is_no_false_alarm_of_daily_life():
    ones = scored(stream(trial("F01", 1), trial("D01", 2)), 6, 24)
    assert scoring.false_alarms(ones).hits == 0
    assert scoring.specificity(ones).hits == 1
    assert ones[0].alarms_s == (24.0,)


def test_specificity_counts_trials_and_the_rate_counts_alarms_and_hours_of_recording():
    ones = scored(stream(trial("D01", 1, seconds=36), trial("D02", 2, seconds=36)), 1, 21)
    free, false = scoring.specificity(ones), scoring.false_alarms(ones)
    assert (free.hits, free.of, free.value) == (1, 2, 0.5)
    assert (false.hits, false.of, false.value) == (2, pytest.approx(0.02), pytest.approx(100))


def test_exact_intervals_are_the_known_ones():
    # From published tables of Clopper and Pearson, and of Garwood.
    assert scoring.share_interval(8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert scoring.share_interval(10, 10) == pytest.approx((0.025**0.1, 1), abs=1e-9)
    assert scoring.share_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1), abs=1e-9)
    assert scoring.count_interval(0) == pytest.approx((0, 3.6889), abs=1e-4)
    assert scoring.count_interval(10) == pytest.approx((4.7954, 18.3904), abs=1e-4)


def test_an_interval_by_people_is_wider_when_the_errors_are_one_persons():
    spread = scoring.by_people([(19, 20)] * 10)
    one_persons = scoring.by_people([(20, 20)] * 9 + [(10, 20)])
    assert spread == (0.95, 0.95)
    assert one_persons[0] < 0.9
    assert one_persons[1] == 1


def test_an_interval_by_people_is_the_same_at_every_run():
    rows = [(float(hits), 20.0) for hits in (20, 19, 17, 20, 12)]
    assert scoring.by_people(rows) == scoring.by_people(rows)


def test_without_an_error_the_interval_is_not_a_point():
    ones = [one for n in range(30) for one in scored(stream(trial("F01", n, subject=f"SA{n:02}")), 6)]
    figure = scoring.sensitivity(ones)
    assert (figure.value, figure.people, figure.high) == (1, 30, 1)
    assert figure.low == pytest.approx(0.025 ** (1 / 30))


def test_an_interval_is_never_narrower_than_either_of_the_two_it_is_made_of():
    ones = []
    for n in range(10):
        trials = [trial("F01", number, subject=f"SA{n:02}") for number in range(20)]
        ones += scored(stream(*trials), *(25 * number + 6 for number in range(20 if n else 10)))
    figure = scoring.sensitivity(ones)
    by_people = scoring.by_people([(10, 20)] + [(20, 20)] * 9)
    exact = scoring.share_interval(190, 200)
    assert figure.hits == 190
    assert figure.low == min(by_people[0], exact[0])
    assert figure.high == max(by_people[1], exact[1])


def test_where_nothing_was_recorded_there_is_no_figure():
    figure = scoring.sensitivity(scored(stream(trial("D01"))))
    assert figure.of == 0
    assert np.isnan(figure.value)
    assert scoring.false_alarms([]).of == 0
