"""The firmware holds no more of its heap at the end of a long time than at its beginning (512 KB on 64 bits)."""

import pytest
from sos_wire.evidence import PIECES

from simulator.story import opened

HOUR_S = 3600
# What a collection that only guesses at pointers may keep by accident.
NOISE_BYTES = 1024
# Of the 512 KB, compiled code included (some 140 KB, the detector's tables among it), which lies in flash on the device;
# room is left for what a burst, a connection and an exception need at the same time.
MOST_BYTES = 240_000


# Of a watch's 768 KB: half, so that modem, driver and a full queue of positions have room, and a collection stays short.
MOST_BYTES_OF_A_WATCH = 400_000


def weighed(story, device):
    """Return the bytes in use after a collection."""
    device.weigh_heap()
    story.until(lambda: story.world.history[-1].what == "heap", within_s=5)
    return next(e.value for e in reversed(story.world.history) if e.what == "heap")


def test_twenty_minutes_awake_with_an_alarm_that_stays_open_cost_no_memory():
    with opened(seed=1) as story:
        story.hub("kitchen")
        pendant = story.pendant(awake_s=3600)
        story.set_clock(pendant)
        story.finger(pendant).hold()
        story.run(120)
        before = weighed(story, pendant)
        story.run(1200)
        after = weighed(story, pendant)
        assert before < MOST_BYTES
        assert after - before <= NOISE_BYTES


def test_a_watch_keeps_to_half_of_a_heap_far_smaller_than_its_chip_has():
    with opened(seed=1) as story:
        story.hub("kitchen")
        watch = story.watch(awake_s=3600)
        story.set_clock(watch)
        story.finger(watch).hold()
        story.run(120)
        assert weighed(story, watch) < MOST_BYTES_OF_A_WATCH


@pytest.mark.slow
def test_a_day_of_alarms_accepted_and_closed_costs_no_memory():
    with opened(seed=2) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        finger = story.finger(pendant)
        weights = []
        for _ in range(24):
            finger.hold()
            assert story.until(story.desk.open_incidents)
            (incident,) = story.desk.open_incidents()
            story.run(6)
            story.desk.accept(incident["id"])
            story.run(6)
            weights.append(weighed(story, pendant))
            story.desk.close(incident["id"])
            story.run(HOUR_S - 14)
        # The first days' closed records stay for a restore; their number is bounded.
        assert weights[-1] - weights[11] <= NOISE_BYTES
        assert max(weights) < MOST_BYTES


@pytest.mark.slow
def test_a_day_of_falls_and_what_they_felt_like_costs_no_memory():
    with opened(seed=3) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        weights = []
        for number in range(1, 25):
            pendant.move("fall")
            assert story.until(
                lambda n=number: len(story.desk.store.rows("evidence")) == n * PIECES, within_s=60
            )
            (incident,) = story.desk.open_incidents()
            story.desk.accept(incident["id"])
            story.run(6)
            weights.append(weighed(story, pendant))
            story.desk.close(incident["id"])
            story.run(HOUR_S / 4)
        assert weights[-1] - weights[11] <= NOISE_BYTES
        assert max(weights) < MOST_BYTES
