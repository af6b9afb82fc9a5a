"""`socors replay`: anyone's recording through the firmware's detector, and one clear sentence for what is none."""

import random
import subprocess
import sys

import numpy as np
import pytest

from simulator.falls import recordings, replaying
from simulator.falls.scoring import score
from simulator.falls.streams import person_streams
from simulator.world import body


def replay(*arguments, samples=b""):
    return subprocess.run(
        [sys.executable, "-m", "simulator.falls.replay", *arguments], input=samples, capture_output=True
    )


def packed(samples):
    return np.array(samples, dtype="<i2").tobytes()


def a_fall_after(seconds, seed=1):
    return [body.gravity(5)] * (50 * seconds) + body.fall(random.Random(seed))


def test_a_fall_is_one_line_the_sample_at_which_it_was_decided():
    done = replay("--position", "trunk", samples=packed(a_fall_after(20)))
    assert done.returncode == 0
    (line,) = done.stdout.decode().splitlines()
    # She hits the floor 1.5 s after the quiet; it is decided 3 s later.
    assert int(line) == 20 * 50 + 76 + 149


def test_what_happened_before_the_device_slept_does_not_change_the_verdict():
    at_once = replaying.alarms([np.array(a_fall_after(1), dtype=np.int16)], "trunk")
    asleep = replaying.alarms([np.array(a_fall_after(60), dtype=np.int16)], "trunk")
    assert [at + 59 * 50 for at in at_once[0]] == asleep[0]


def test_several_falls_are_several_lines_in_order():
    samples = a_fall_after(20) + a_fall_after(30, seed=2)
    lines = replay("--position=trunk", samples=packed(samples)).stdout.split()
    assert len(lines) == 2
    assert int(lines[0]) < int(lines[1])


@pytest.mark.parametrize("position", replaying.POSITIONS)
def test_nothing_in_is_nothing_out(position):
    done = replay("--position", position)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("position", replaying.POSITIONS)
@pytest.mark.parametrize("value", [-32768, 32767, 0])
def test_the_most_that_fits_in_the_format_breaks_nothing(position, value):
    samples = [(value, value, value), (-value - 1, value, 0), (0, 0, 1000)] * 300
    assert replay("--position", position, samples=packed(samples)).returncode == 0


@pytest.mark.parametrize("size", [1, 5, 7, 601])
def test_a_sample_that_is_not_whole_is_refused_in_one_sentence_and_nothing_is_said_of_the_rest(size):
    done = replay("--position", "trunk", samples=bytes(size))
    assert (done.returncode, done.stdout) == (2, b"")
    (sentence,) = done.stderr.decode().splitlines()
    assert sentence.startswith(f"{size} bytes are no whole number of samples")


@pytest.mark.parametrize(
    "arguments", [(), ("--position",), ("--position", "ankle"), ("trunk",), ("--position", "trunk", "wrist")]
)
def test_a_position_that_is_none_is_refused_in_one_sentence(arguments):
    done = replay(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    (sentence,) = done.stderr.decode().splitlines()
    assert "--position trunk or wrist" in sentence


def test_the_windows_of_a_stream_are_where_its_blows_are():
    samples = np.array(a_fall_after(20), dtype=np.int16)
    (window,) = replaying.windows(samples, "trunk")
    assert window["blow"] == np.square(samples, dtype=int).sum(axis=1).argmax()
    assert window["decided"] - window["blow"] == 149
    assert replaying.alarms([samples], "trunk") == [[window["decided"]]]


# The recordings are not ours to give away, so a checkout need not have them beside it; where they are, nothing skips.
@pytest.mark.skipif(not recordings.available(), reason="the recordings are not here (../shared/data/falls)")
@pytest.mark.parametrize(
    "data_set, position, subject", [("sisfall", "trunk", "SA06"), ("wedafall", "wrist", "U01")]
)
def test_of_the_falls_that_a_detector_learned_from_it_finds_nine_in_ten(data_set, position, subject):
    own = (trial for trial in recordings.trials(data_set) if trial.subject == subject and trial.is_fall)
    (stream,) = person_streams(own)
    (found,) = replaying.alarms([stream.samples], position)
    told = score(stream, found)
    assert len(told) > 10
    assert sum(one.found for one in told) >= 0.9 * len(told)
