"""What is measured of a blow does not depend on how the device is turned, and fits the integers of the device."""

import math
import random
from array import array

import pytest
from app import fall_features

from simulator.world import body

MASK = 511


def measured(samples, first=0, window=None):
    """The values of a window of samples that lies at `first` in the rings."""
    rings = [array("h", bytes(1024)) for _ in range(3)]
    for index, sample in enumerate(samples):
        for ring, value in zip(rings, sample, strict=True):
            ring[(first + index) & MASK] = value
    # The sample before the window is as its first.
    for ring, value in zip(rings, samples[0], strict=True):
        ring[(first - 1) & MASK] = value
    window = window or fall_features.Window()
    window.measure(*rings, first, MASK)
    return list(window.values)


def a_fall(seed=1):
    samples = body.fall(random.Random(seed))
    blow = max(range(len(samples)), key=lambda i: sum(value * value for value in samples[i]))
    samples = [samples[0]] * fall_features.BEFORE + samples
    return samples[blow : blow + fall_features.LENGTH]


def spun(samples, seed):
    """All samples after one rotation, any."""
    rng = random.Random(seed)
    a, b, c = (rng.uniform(0, 2 * math.pi) for _ in range(3))
    turns = []
    for x, y, z in samples:
        x, y = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
        y, z = y * math.cos(b) - z * math.sin(b), y * math.sin(b) + z * math.cos(b)
        x, z = x * math.cos(c) - z * math.sin(c), x * math.sin(c) + z * math.cos(c)
        turns.append((round(x), round(y), round(z)))
    return turns


@pytest.mark.parametrize("number", [1, 2, 3, 99, 10_000, 8000 * 8000 * 3, 2**30 - 1])
@pytest.mark.parametrize("guess", [1, 100, 1000, 32767])
def test_the_root_is_the_whole_part_of_the_true_one_whatever_was_guessed(number, guess):
    assert fall_features.root(number, guess) == math.isqrt(number)


def test_the_root_of_nothing_is_nothing():
    assert fall_features.root(0, 5) == 0


@pytest.mark.parametrize("seed", range(8))
def test_turning_the_device_changes_no_value_by_more_than_rounding(seed):
    straight, turned = measured(a_fall()), measured(spun(a_fall(), seed))
    far = [index for index, (a, b) in enumerate(zip(straight, turned, strict=True)) if abs(a - b) > 12]
    # Counts and places of a sample near a threshold may go to the other side of it.
    assert len(far) <= 2, far


@pytest.mark.parametrize("first", [0, 1, 300, 511, 70_000])
def test_where_the_window_lies_in_the_rings_changes_nothing(first):
    assert measured(a_fall(), first) == measured(a_fall())


def test_a_second_window_knows_nothing_of_the_first():
    window = fall_features.Window()
    measured(a_fall(2), window=window)
    assert measured(a_fall(1), window=window) == measured(a_fall(1))


@pytest.mark.parametrize(
    "sample", [(0, 0, 0), (32767, 32767, 32767), (-32768, -32768, -32768), (16000, 0, 0)]
)
def test_the_most_a_chip_can_say_still_fits(sample):
    shaken = [sample, tuple(-value - 1 for value in sample)] * (fall_features.LENGTH // 2) + [sample]
    assert all(-32768 <= value <= 32767 for value in measured(shaken))


def test_lying_still_measures_no_change_and_no_turn():
    values = measured([(0, 0, 1000)] * fall_features.LENGTH)
    for number in range(fall_features.BINS):
        each = values[number * fall_features.PER_BIN : (number + 1) * fall_features.PER_BIN]
        assert each == [1000, 1000, 1000, 0, 0, 1000, 1024, 1024]


def test_a_quarter_turn_at_the_blow_is_a_cosine_of_nothing():
    standing, lying = [(0, 0, 1000)] * fall_features.BEFORE, [(1000, 0, 0)] * fall_features.AFTER
    values = measured(standing + lying)
    assert values[fall_features.BINS * fall_features.PER_BIN] == 0
