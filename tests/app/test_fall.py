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


def told(samples, detector=None):
    """Return every verdict but nothing, in order."""
    detector = detector or fall.Detector()
    found = [detector.feed(*sample) for sample in samples]
    return [verdict for verdict in found if verdict != fall.NOTHING]


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
    for sample in [*samples, *[body.gravity(90)] * fall.RISES_WITHIN]:
        detector.feed(*sample)
        busy.append(detector.busy())
    first = busy.index(True)
    last = first + busy[first:].index(False)
    assert verdicts(samples)[0] < last  # watched for getting up as well
    assert not any(busy[:first])
    assert not any(busy[last:])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_who_gets_up_and_walks_is_told_once_and_who_only_sits_up_or_lies_is_not(seed, degrees):
    noise = random.Random(seed)
    falls, rises, walks = body.fall(noise), body.get_up(noise), body.walk(noise, 20)
    up = [body.gravity(5)] * 50 * 20
    assert told(turned(falls + rises + walks + walks, degrees)) == [fall.FALL, fall.RISEN]
    assert told(turned(falls + rises + up, degrees)) == [fall.FALL]
    assert told(turned(falls + [body.gravity(90)] * 50 * 150 + rises + walks, degrees)) == [fall.FALL]


def test_the_evidence_of_a_fall_is_what_was_felt_round_the_blow_in_its_place():
    samples = body.fall(random.Random(3))
    detector, buffer = fall.Detector(), bytearray(375)
    decided = next(i for i, sample in enumerate(samples) if detector.feed(*sample) == fall.FALL)
    detector.evidence(buffer)
    blow = decided - detector.ago()
    signed = [value - 256 if value > 127 else value for value in buffer]
    triples = [tuple(signed[i : i + 3]) for i in range(0, 375, 3)]
    for i, triple in enumerate(triples):
        at = (blow // 2 - 50 + i) * 2
        felt = samples[at] if at >= 0 else (0, 0, 0)
        assert all(
            abs(value * 64 - milli_g) <= 64 or abs(milli_g) > 8100
            for value, milli_g in zip(triple, felt, strict=True)
        )
    strongest = max(range(125), key=lambda i: sum(value * value for value in triples[i]))
    assert abs(strongest - 50) <= 1
