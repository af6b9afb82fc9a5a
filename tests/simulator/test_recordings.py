"""Recorded falls where they are beside the checkout: resampled, played, and found by the firmware through the chip."""

import math

import numpy as np
import pytest
from app import fall
from cable import Bench

from simulator.world import recordings

needs_recordings = pytest.mark.skipif(
    not recordings.available(), reason="the recordings are not here (../shared/data/falls)"
)


@pytest.mark.parametrize("rate_hz", [25, 32, 50, 100, 200])
def test_any_rate_becomes_fifty_a_second_and_a_slow_sine_stays_one(rate_hz):
    t = np.arange(rate_hz * 4) / rate_hz
    wave = np.stack([1000 * np.sin(2 * np.pi * t), 500 + 0 * t, -1000 * np.cos(2 * np.pi * t)])
    samples = recordings.resample(wave, rate_hz)
    assert abs(len(samples) - 200) <= 2
    for i, (x, y, z) in enumerate(samples):
        assert abs(x - 1000 * math.sin(2 * math.pi * i / 50)) < 20
        assert y == 500
        assert abs(z + 1000 * math.cos(2 * math.pi * i / 50)) < 20


def test_the_intervals_are_the_known_ones():
    assert recordings.share_interval(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert recordings.share_interval(0, 10)[0] == pytest.approx(0)
    assert recordings.count_interval(0) == pytest.approx((0, 3.69), abs=0.05)
    assert recordings.count_interval(10) == pytest.approx((4.8, 18.4), abs=0.1)


@needs_recordings
def test_the_kitchens_fall_is_found_once_by_the_firmwares_detector():
    detector = fall.Detector()
    assert sum(detector.feed(*sample) for sample in recordings.kitchen_fall()) == 1


@needs_recordings
@pytest.mark.parametrize("late_ms", [0, 7, 13, 19])
def test_the_kitchens_fall_wakes_the_device_and_is_found_in_what_the_chip_kept(late_ms):
    bench = Bench()
    driver = """
import json
from machine import I2C, Pin
from drivers.lsm6dsox import Accelerometer
chip = Accelerometer(I2C(0), Pin(3, Pin.IN, Pin.PULL_UP))
samples = []
"""
    bench.run(driver + "chip.start()\nprint(1)")
    bench.us += 20_000_000 + late_ms * 1000
    bench.hardware.body.play_trace(recordings.kitchen_fall(), bench.us)
    woken = False
    for _ in range(100):
        bench.advance(100)
        woken = woken or bench.hardware.levels[3] == 0
    assert woken
    read = "while chip.read_fifo(lambda x, y, z: samples.append((x, y, z))):\n    pass\nprint(json.dumps(samples))"
    detector = fall.Detector()
    assert sum(detector.feed(*sample) for sample in bench.run(driver + read)) == 1


@needs_recordings
def test_a_recording_that_is_not_there_is_said_to_be_so():
    with pytest.raises(LookupError, match="SA03 F99"):
        recordings.recording("sisfall", "SA03", "F99", 1)


@needs_recordings
@pytest.mark.slow
def test_the_report_says_how_good_a_textbook_rule_is(capsys):
    row = recordings.tally("sisfall")["waist"]
    with capsys.disabled():
        print("\n" + "\n".join(recordings.lines("sisfall", "waist", row)))
    assert row.falls == 1198
    assert len(row.people) == 26
    assert row.found > row.falls / 2
