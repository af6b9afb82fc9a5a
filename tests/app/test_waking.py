"""What wakes the processor for motion and what lets it sleep again, sample by sample."""

import random

import pytest
from app.waking import FREE_FALL_SAMPLES, QUIET_SAMPLES, SLOPE_MG, Waking

from simulator.chips.lsm6dsox import Lsm6dsox
from simulator.world import body

REST = (40, 990, 60)


def stirs_of(samples):
    waking = Waking()
    return [index for index, sample in enumerate(samples) if waking.feed(*sample)]


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("step_mg, stirs", [(SLOPE_MG - 1, False), (SLOPE_MG, True)])
def test_a_step_of_250_mg_on_any_axis_either_way_stirs(axis, sign, step_mg, stirs):
    moved = list(REST)
    moved[axis] += sign * step_mg
    assert stirs_of([REST, REST, tuple(moved), tuple(moved)]) == ([2] if stirs else [])


def test_the_first_sample_differs_from_none():
    assert stirs_of([(8000, -8000, 8000)]) == []


@pytest.mark.parametrize("value, falls", [(499, True), (500, False), (-499, True), (-500, False)])
@pytest.mark.parametrize("axis", range(3))
def test_free_fall_is_all_three_axes_below_half_a_g_for_four_samples_in_a_row(axis, value, falls):
    sample = [0, 0, 0]
    sample[axis] = value
    assert stirs_of([tuple(sample)] * 6) == ([3, 4, 5] if falls else [])


def test_a_sample_between_begins_the_free_fall_anew():
    low, not_low = (0, 450, 0), (0, 550, 0)
    run = [low] * (FREE_FALL_SAMPLES - 1)
    assert stirs_of([*run, not_low, *run, not_low]) == []
    assert stirs_of([*run, not_low, *run, low]) == [len(run) * 2 + 1]


def test_it_sleeps_before_anything_has_stirred_and_four_seconds_after_the_last_that_has():
    waking = Waking()
    assert waking.may_sleep(False)
    waking.feed(*REST)
    waking.feed(REST[0] + SLOPE_MG, *REST[1:])
    asleep_after = 0
    while not waking.may_sleep(False):
        waking.feed(REST[0] + SLOPE_MG, *REST[1:])
        asleep_after += 1
    assert asleep_after == QUIET_SAMPLES == 4 * 50


def test_it_does_not_sleep_while_the_detector_follows_something():
    assert not Waking().may_sleep(True)


def test_a_wake_by_the_chip_counts_though_the_samples_at_50_hz_show_nothing():
    waking = Waking()
    for _ in range(400):
        waking.feed(*REST)
    waking.wake()
    assert not waking.may_sleep(False)
    for _ in range(QUIET_SAMPLES):
        waking.feed(*REST)
    assert waking.may_sleep(False)


@pytest.mark.parametrize("motion", body.MOTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_it_stirs_at_the_very_samples_at_which_the_chip_wakes(motion, seed):
    """The chip at its registers and this file, on the same 50 Hz samples: what one calls a wake so does the other."""
    trace = [REST, *body.MOTIONS[motion](random.Random(seed))]
    # Full scale 8 g, slope above 125 mg in its halves, free fall 500 mg for four samples; pulsed, routed, enabled.
    chip = Lsm6dsox(lambda t_us: (0, 0, 0), lambda level: None)
    for register, value in ((0x10, 0x3C), (0x5B, 0x01), (0x5D, 4 << 3 | 7), (0x58, 0x80), (0x5E, 0x30)):
        chip.write(register, bytes((value,)), 0)
    wakes = []
    for index, sample in enumerate(trace):
        chip._take(sample)
        if index and chip._sources:
            wakes.append(index)
    # What is 250 mg to the milli-g stirs here, and is not above the threshold there.
    exact = [
        index
        for index in range(1, len(trace))
        if max(abs(a - b) for a, b in zip(trace[index], trace[index - 1], strict=True)) == SLOPE_MG
    ]
    assert set(wakes) <= set(stirs_of(trace)) <= set(wakes) | set(exact)
