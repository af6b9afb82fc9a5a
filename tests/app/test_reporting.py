"""How often: heartbeats drawn uniformly from their quarter, repeats that slow down, what is given up."""

import itertools
import random

from app import reporting
from app.alarm import Event
from sos_wire import kinds


def test_each_quarter_of_an_hour_has_one_heartbeat_uniform_in_it_and_independent_of_the_last():
    noise, now, quarter, offsets = random.Random(1), 1_795_000_000, 0, []
    quarter = now // 900
    for _ in range(4000):
        now = reporting.heartbeat_instant(now, quarter, noise.randrange(900))
        assert now // 900 == quarter + 1
        quarter = now // 900
        offsets.append(now % 900)
    mean = sum(offsets) / len(offsets)
    assert abs(mean - 449.5) < 15
    pairs = [(a - mean) * (b - mean) for a, b in itertools.pairwise(offsets)]
    assert abs(sum(pairs) / len(pairs)) / 67_500 < 0.06


def test_repeats_slow_down_and_never_stop_for_an_alarm():
    waits = [reporting.repeat_after_ms(n, True) for n in range(1, 50)]
    assert waits == sorted(waits)
    assert waits[-1] == reporting.ALARM_SLOWEST_MS
    event = Event(1, 1, kinds.SOS)
    event.sent = 10_000
    assert not reporting.gives_up(event)


def test_a_heartbeat_is_sent_once_when_the_clock_is_known():
    event = Event(1, 1, kinds.HEARTBEAT, kinds.CLOCK_VALID)
    event.sent = 1
    assert reporting.gives_up(event)
    assert not reporting.gives_up(Event(1, 1, kinds.HEARTBEAT))


def test_decoys_come_as_often_as_they_should_on_average():
    noise = random.Random(3)
    waits = [reporting.decoy_instant(0, 4, noise.randrange(1, 65_536)) for _ in range(5000)]
    assert 0.7 * 86_400 / 4 < sum(waits) / len(waits) < 1.3 * 86_400 / 4
    assert reporting.decoy_instant(0, 0, 1) == 0
