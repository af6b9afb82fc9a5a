"""The first detector finds the made-up fall however the device is turned, and is quiet through daily life.

What recordings say of it: `make falls-report`. A textbook rule, to be replaced behind the same interface.
"""

import math
import random

import pytest
from app import fall

from simulator.world import body


def verdicts(samples):
    detector = fall.Detector()
    return [index for index, sample in enumerate(samples) if detector.feed(*sample) == fall.FALL]


def turned(samples, degrees):
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return [(round(x * cos - y * sin), round(x * sin + y * cos), z) for x, y, z in samples]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("degrees", [0, 37, 90, 180, 270])
def test_a_fall_is_found_once_however_the_device_is_turned(seed, degrees):
    assert len(verdicts(turned(body.fall(random.Random(seed)), degrees))) == 1


@pytest.mark.parametrize("motion", ["walk", "swing", "get-up"])
@pytest.mark.parametrize("seed", range(10))
def test_daily_life_raises_nothing(motion, seed):
    noise = random.Random(seed)
    assert verdicts(body.MOTIONS[motion](noise) * 3) == []


def test_lying_still_for_an_hour_raises_nothing():
    assert verdicts([body.gravity(90)] * 50 * 3600) == []


def test_who_rests_lets_the_device_sleep_and_a_fall_is_followed_to_its_end():
    detector = fall.Detector()
    samples = body.fall(random.Random(1))
    busy = []
    for sample in samples:
        verdict = detector.feed(*sample)
        busy.append(detector.busy())
        if verdict == fall.FALL:
            break
    first = busy.index(True)
    assert all(busy[first:-1])
    assert not busy[-1]
    assert not any(busy[:first])
