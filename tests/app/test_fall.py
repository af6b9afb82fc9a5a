"""The detector finds a fall however the device is turned, is quiet through daily life, and says once who got up.

What recordings say of it: `make falls`.
"""

import math
import random

import pytest
from app import fall, worn

from simulator.world import body

LYING = body.gravity(90)


def told(samples, detector=None):
    """Return (index, verdict) of every verdict but nothing, in order."""
    detector = detector or worn.detector("trunk")
    found = [(index, detector.feed(*sample)) for index, sample in enumerate(samples)]
    return [(index, verdict) for index, verdict in found if verdict != fall.NOTHING]


def falls(samples, detector=None):
    return [index for index, verdict in told(samples, detector) if verdict == fall.FALL]


def turned(samples, degrees):
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return [(round(x * cos - y * sin), round(x * sin + y * cos), z) for x, y, z in samples]


def blow_of(samples):
    return max(range(len(samples)), key=lambda index: sum(value * value for value in samples[index]))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("degrees", [0, 37, 90, 180, 270])
def test_a_fall_is_found_once_three_seconds_after_the_blow_however_the_device_is_turned(seed, degrees):
    samples = body.fall(random.Random(seed))
    (found,) = falls(turned(samples, degrees))
    assert found == blow_of(samples) + fall.AFTER_SAMPLES - 1


@pytest.mark.parametrize("motion", ["walk", "swing", "get-up", "run"])
@pytest.mark.parametrize("seed", range(5))
def test_daily_life_raises_nothing(motion, seed):
    assert told(body.MOTIONS[motion](random.Random(seed)) * 3) == []


def test_lying_still_for_an_hour_raises_nothing_and_keeps_nothing_awake():
    detector = worn.detector("trunk")
    assert told([LYING] * 50 * 3600, detector) == []
    assert not detector.busy()
    assert detector.judged == 0


def test_a_fall_after_an_hour_of_walking_is_found_as_one_at_once():
    noise = random.Random(3)
    walked = body.walk(noise, 3600)
    assert (
        falls(walked + body.fall(random.Random(1)))[-1] - len(walked) == falls(body.fall(random.Random(1)))[0]
    )


def test_it_is_busy_from_the_blow_until_getting_up_is_no_longer_waited_for():
    detector, samples = worn.detector("trunk"), body.fall(random.Random(1))
    busy = []
    for sample in [*samples, *[LYING] * fall.RISEN_WITHIN]:
        detector.feed(*sample)
        busy.append(detector.busy())
    assert busy.index(True) <= blow_of(samples)
    last = len(busy) - busy[::-1].index(True)
    assert falls(samples)[0] < last <= falls(samples)[0] + fall.RISEN_WITHIN + fall.fall_features.BIN
    assert not detector.busy()


def test_of_two_blows_in_a_second_the_larger_is_judged_and_of_two_further_apart_both():
    detector = worn.detector("trunk")
    blow, stronger = (0, 3000, 0), (0, 3500, 0)
    told([LYING] * 200 + [blow] + [LYING] * 30 + [stronger] + [LYING] * 300, detector)
    assert (detector.judged, detector.ago()) == (1, 300)
    told([blow] + [LYING] * 60 + [stronger] + [LYING] * 300, detector)
    assert detector.judged == 3


@pytest.mark.parametrize("seed", range(5))
def test_a_body_that_hits_several_things_on_its_way_is_one_fall(seed):
    once = body.fall(random.Random(seed))[: 3 * 50]
    again = [LYING] * 60 + [(1500, 2500, 300), (2000, -1500, 0)] + [LYING] * 400
    assert len(falls(once + again)) <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_who_gets_up_and_walks_is_told_once_and_who_only_sits_up_or_lies_is_not(seed, degrees):
    noise = random.Random(seed)
    fell, rises, walks = body.fall(noise), body.get_up(noise), body.walk(noise, 20)
    sitting = [body.gravity(5)] * 50 * 20

    def verdicts(samples):
        return [verdict for _, verdict in told(turned(samples, degrees))]

    assert verdicts(fell + rises + walks + walks) == [fall.FALL, fall.RISEN]
    assert verdicts(fell + rises + sitting) == [fall.FALL]
    assert verdicts(fell + [LYING] * fall.RISEN_WITHIN + rises + walks) == [fall.FALL]


def test_the_evidence_of_a_fall_is_what_was_felt_round_the_blow_in_its_place():
    samples = [body.gravity(5)] * 100 + body.fall(random.Random(3))
    detector, buffer = worn.detector("trunk"), bytearray(375)
    decided = next(index for index, sample in enumerate(samples) if detector.feed(*sample) == fall.FALL)
    detector.evidence(buffer)
    blow = decided - detector.ago()
    assert blow == blow_of(samples)
    signed = [value - 256 if value > 127 else value for value in buffer]
    triples = [tuple(signed[index : index + 3]) for index in range(0, 375, 3)]
    strongest = max(range(125), key=lambda index: sum(value * value for value in triples[index]))
    assert strongest == 50
    for index, triple in enumerate(triples):
        pair = samples[blow - 100 + 2 * index :][:2]
        assert any(
            all(
                abs(value * 64 - felt) <= 32 or abs(felt) > 8100
                for value, felt in zip(triple, each, strict=True)
            )
            for each in pair
        )
