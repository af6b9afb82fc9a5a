"""Recorded falls where they are beside the checkout: resampled, played, and found by the firmware through the chip."""

import math

import numpy as np
import pytest
from app import worn
from cable import Bench

from simulator.falls import recordings

needs_recordings = pytest.mark.skipif(
    not recordings.available(), reason="the recordings are not here (../shared/data/falls)"
)


@pytest.mark.parametrize("rate_hz", [25, 32, 50, 100, 200])
def test_any_rate_becomes_fifty_a_second_and_a_slow_sine_stays_one(rate_hz):
    t = np.arange(rate_hz * 4) / rate_hz
    wave = np.stack([1000 * np.sin(2 * np.pi * t), 500 + 0 * t, -1000 * np.cos(2 * np.pi * t)])
    samples = recordings.resample(wave, rate_hz)
    assert samples.dtype == np.int16
    assert abs(len(samples) - 200) <= 2
    for i, (x, y, z) in enumerate(samples.tolist()):
        assert abs(x - 1000 * math.sin(2 * math.pi * i / 50)) < 20
        assert y == 500
        assert abs(z + 1000 * math.cos(2 * math.pi * i / 50)) < 20


def test_what_exceeds_sixteen_bits_is_clipped_and_does_not_wrap():
    strong = np.array([[40_000.0, 40_000.0], [-40_000.0, -40_000.0], [0.4, 0.6]])
    assert recordings.resample(strong, 50).tolist() == [[32_767, -32_768, 0], [32_767, -32_768, 1]]


@pytest.mark.parametrize(("count", "rate_hz"), [(0, 50), (4, 0)])
def test_nothing_is_made_of_no_samples_or_of_no_rate(count, rate_hz):
    with pytest.raises(ValueError, match=f"{count} samples at {rate_hz} Hz"):
        recordings.resample(np.zeros((3, count)), rate_hz)


@pytest.mark.parametrize(
    ("position", "detector"),
    [("waist", "trunk"), ("hip", "trunk"), ("pocket", "trunk"), ("wrist", "wrist"), ("watch", "wrist")],
)
def test_every_place_on_the_body_has_its_detector(position, detector):
    assert recordings.worn_at(position) == detector


def test_a_data_set_that_does_not_exist_is_said_to_be_so():
    with pytest.raises(LookupError, match="no data set marsfall"):
        next(recordings.trials("marsfall"))


@needs_recordings
@pytest.mark.parametrize("name", recordings.FILES)
def test_every_recording_of_a_file_is_read_as_milli_g_at_fifty_a_second(name):
    people, middles = set(), []
    for trial in recordings.trials(name):
        people.add(trial.subject)
        assert trial.data_set == name
        assert trial.samples.dtype == np.int16
        assert trial.samples.shape == (len(trial.samples), 3)
        middles.append(np.median(np.linalg.norm(trial.samples.astype(float), axis=1)))
    assert 950 < np.median(middles) < 1050  # gravity
    assert len(people) > 1


@needs_recordings
def test_the_old_are_known_by_their_age_or_by_their_group():
    old = {
        name: {t.subject for t in recordings.trials(name) if recordings.is_old(t)}
        for name in recordings.FILES
    }
    assert {name: len(people) for name, people in old.items()} == {
        "sisfall": 10,
        "wedafall": 8,
        "smartfallmm": 17,
        "mobifall": 0,
        "geotec_adl": 2,
        "mobgap_adl": 0,
    }


@needs_recordings
def test_the_kitchens_fall_is_found_once_by_the_firmwares_detector():
    detector = worn.detector("trunk")
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
    detector = worn.detector("trunk")
    assert sum(detector.feed(*sample) for sample in bench.run(driver + read)) == 1


@needs_recordings
def test_a_recording_that_is_not_there_is_said_to_be_so():
    with pytest.raises(LookupError, match="SA03 F99"):
        recordings.recording("sisfall", "SA03", "F99", 1)
