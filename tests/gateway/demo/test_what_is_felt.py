"""Vibration is read as the wearer would feel it, also where a busy machine has stretched it."""

import pytest
from sos_gateway.demo.wearer import COLOURS, PATTERNS, Motor, Pulse, named

GAP_MS = 120


def pulses(*lengths_ms):
    at, made = 0, []
    for length in lengths_ms:
        made.append(Pulse(at * 1_000_000, (at + length) * 1_000_000))
        at += length + GAP_MS
    return made


def names(*lengths_ms):
    return [felt.name for felt in named(pulses(*lengths_ms))]


@pytest.mark.parametrize(("pattern", "name"), PATTERNS.items())
def test_every_pattern_is_read_as_itself_exactly_and_somewhat_stretched(pattern, name):
    count, length_ms = pattern
    assert names(*[length_ms] * count) == [name]
    assert names(*[length_ms + 9] * count) == [name]


def test_a_pulse_a_busy_machine_has_stretched_does_not_make_another_pattern():
    assert names(181, 122, 121) == ["accepted"]
    assert names(62, 136, 120) == ["pending", "received"]


def test_patterns_that_follow_at_once_are_told_apart():
    assert names(60, 120, 120, 120, 120, 120, 600) == ["pending", "received", "accepted", "closed"]


def test_a_pattern_cut_short_by_the_next_is_named_as_cut():
    assert names(60, 17, 120, 120) == ["pending", "cut short: 17", "received"]


def test_the_moment_of_a_pattern_is_the_rise_of_its_first_pulse():
    felt = named(pulses(60, 120, 120))
    assert felt[1].t_ns == (60 + GAP_MS) * 1_000_000
    assert felt[1].pulses_ms == [120, 120]


def test_a_pending_drawn_out_to_the_length_of_what_follows_at_once_is_not_the_first_pulse_of_accepted():
    row = [(0, 118), (160, 280), (400, 520)]
    pulses = [Pulse(up * 1_000_000, down * 1_000_000) for up, down in row]
    assert [felt.name for felt in named(pulses)] == ["pending", "received"]


def edges(*moments_ms):
    """Return what a motor that goes up and down in turn at these moments is felt as, half a second after the last."""
    motor, felt = Motor(), []
    for n, moment_ms in enumerate(moments_ms):
        felt += motor.edge(n % 2 == 0, moment_ms * 1_000_000)
    return [one.name for one in [*felt, *motor.still((moments_ms[-1] + 500) * 1_000_000)]]


def test_a_pattern_is_over_when_the_motor_has_been_still_for_longer_than_any_gap_of_one():
    assert edges(0, 60, 500, 620, 740, 860) == ["pending", "received"]


def test_a_gap_a_busy_machine_has_stretched_does_not_make_two_patterns_of_one():
    assert edges(0, 123, 700, 824) == ["received"]


def test_where_the_light_is_seen_it_decides_however_long_the_pulses_were():
    row = [Pulse(0, 145, "110"), Pulse(265, 385, "001"), Pulse(505, 626, "001")]
    row = [Pulse(pulse.up_ns * 1_000_000, pulse.down_ns * 1_000_000, pulse.colour) for pulse in row]
    assert [felt.name for felt in named(row)] == ["pending", "received"]
    row = [Pulse(0, 303, "010"), Pulse(423, 815, "010"), Pulse(935, 1055, "010")]
    row = [Pulse(pulse.up_ns * 1_000_000, pulse.down_ns * 1_000_000, pulse.colour) for pulse in row]
    assert [felt.name for felt in named(row)] == ["accepted"]


def test_the_patterns_are_the_firmwares():
    from app import alarm
    from tasks import signals

    ours = {"cancelled": "withdrawn"}  # what it means to a wearer, and what the firmware calls it
    for (count, length_ms), name in PATTERNS.items():
        pulses, on_ms, _, colour = signals.PATTERNS[getattr(alarm, ours.get(name, name).upper())]
        assert (pulses, on_ms, "".join(map(str, colour))) == (count, length_ms, COLOURS[name])
