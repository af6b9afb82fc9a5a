"""A person's recordings become one stream: in order, with her own quiet signal between, and joined as smoothly as may be."""

import numpy as np
import pytest
from made_up import stream, trial

from simulator.falls import streams


def test_trials_follow_one_another_unaltered_with_ten_seconds_between_and_after_the_last():
    trials = [trial("D01", 1), trial("F01", 2, seconds=12), trial("D02", 3)]
    whole = stream(*trials)
    assert whole.begins == (0, 25 * 50, 47 * 50)
    assert len(whole.samples) == 72 * 50
    assert whole.samples.dtype == np.int16
    for one, begin in zip(trials, whole.begins, strict=True):
        assert np.array_equal(whole.samples[begin : begin + len(one.samples)], one.samples)


def test_each_person_data_set_and_position_is_a_stream_of_its_own():
    trials = [
        trial("D01", 1),
        trial("D01", 1, subject="SA04"),
        trial("D02", 2),
        trial("D01", 1, position="wrist"),
        trial("D01", 1, data_set="mobifall"),
    ]
    made = streams.person_streams(trials)
    assert [(one.data_set, one.subject, one.position, len(one.trials)) for one in made] == [
        ("sisfall", "SA03", "waist", 2),
        ("sisfall", "SA04", "waist", 1),
        ("sisfall", "SA03", "wrist", 1),
        ("mobifall", "SA03", "waist", 1),
    ]


def test_the_quiet_is_the_persons_own_and_stays_as_she_came_to_rest():
    upright, lying = trial("D01", 1, down=(0, 1000, 0)), trial("F01", 2, down=(1000, 0, 0))
    whole = stream(upright, lying)
    after_upright = whole.samples[15 * 50 : 25 * 50]
    after_lying = whole.samples[-10 * 50 :]
    assert np.abs(after_upright.mean(axis=0) - (0, 1000, 0)).max() < 2
    assert np.abs(after_lying.mean(axis=0) - (1000, 0, 0)).max() < 2
    rows = {tuple(row) for one in (upright, lying) for row in one.samples.tolist()}
    assert {tuple(row) for row in after_lying.tolist()} <= rows


def test_the_quiet_holds_no_blow_and_never_jumps_where_it_is_repeated():
    whole = stream(trial("D01", 1))
    quiet = whole.samples[15 * 50 :].astype(int)
    assert np.abs(np.linalg.norm(quiet, axis=1) - 1000).max() < 10
    assert np.abs(np.diff(quiet, axis=0)).max() <= 6


def test_a_repeated_second_is_played_forwards_and_backwards():
    second = np.stack([np.arange(50)] * 3, axis=1)
    played = streams.stretched(second, 120)[:, 0]
    assert played.tolist() == [*range(50), *range(48, 0, -1), *range(22)]


def test_a_second_in_which_the_body_slowly_turns_is_not_quiet():
    turning = trial("D01", 1, seconds=4, peak_s=0)
    angle = np.linspace(0, np.pi, len(turning.samples))
    turning.samples[:] = np.stack([1000 * np.sin(angle), 1000 * np.cos(angle), 0 * angle], axis=1)
    resting = trial("D02", 2, seconds=4, peak_s=0)
    seconds = streams.quiet_seconds([turning, resting])
    assert all(np.abs(second - second.mean(axis=0)).max() < 10 for second in seconds)


def test_with_one_quiet_second_it_is_the_quietest_of_all_for_every_join():
    calm, restless = trial("D01", 1, breath_mg=1), trial("D02", 2, breath_mg=9, down=(1000, 0, 0))
    (whole,) = streams.person_streams([calm, restless], one_quiet=True)
    first, second = whole.samples[15 * 50 : 25 * 50], whole.samples[-10 * 50 :]
    assert np.array_equal(first, second)
    assert np.abs(first - (0, 1000, 0)).max() <= 1


def test_a_person_without_one_whole_second_is_said_to_have_none():
    with pytest.raises(ValueError, match="lasts a second"):
        stream(trial("D01", 1, seconds=0.5, peak_s=0))
