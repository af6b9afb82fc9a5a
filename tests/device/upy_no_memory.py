"""What runs for every sample takes no memory: the heap is locked, and whoever asks for some raises MemoryError."""

import micropython
import selftest
from app import waking, worn

FALL_SAMPLES = 250


def fed_with_a_locked_heap(feed, samples):
    """Feed samples that are made beforehand; return how many were taken before one asked for memory."""
    made = [selftest.made_up(index) for index in range(samples)]
    taken = 0
    micropython.heap_lock()
    try:
        for x, y, z in made:
            feed(x, y, z)
            taken += 1
    except MemoryError:
        pass
    micropython.heap_unlock()
    return taken


def test_a_locked_heap_is_felt():
    assert fed_with_a_locked_heap(lambda x, y, z: [x, y, z], 5) == 0


def test_the_detector_takes_none_at_rest_and_while_it_looks_at_a_blow():
    for position in ("trunk", "wrist"):
        detector = worn.detector(position)
        detector.feed(*selftest.made_up(0))
        samples = selftest.REST_SAMPLES + 60
        assert fed_with_a_locked_heap(detector.feed, samples) == samples
        assert detector.busy()


def test_what_decides_about_sleep_takes_none():
    made = waking.Waking()
    samples = selftest.REST_SAMPLES + FALL_SAMPLES
    assert fed_with_a_locked_heap(made.feed, samples) == samples
    assert not waking.Waking().may_sleep(True)


class Nobody:
    """Takes whatever it is asked."""

    def __init__(self):
        self.worn_at = "trunk"
        self.settings = self


def test_the_motion_task_takes_none_for_a_sample():
    from tasks.motion import Motion

    motion = Motion(Nobody(), None, None, None, False, None)
    motion._feed(*selftest.made_up(0))
    samples = selftest.REST_SAMPLES + 60
    assert fed_with_a_locked_heap(motion._feed, samples) == samples


def test_the_self_test_says_what_the_detector_costs_by_the_clock_it_is_given():
    """A clock that goes on 10 us at each look: a sample takes 10 us, 0.05 % of the processor."""
    now = [0]

    def ticks_us():
        now[0] += 10
        return now[0]

    still, judged = selftest.detector("wrist", ticks_us)
    assert still == "wrist, nothing happens: 10 us a sample, 0.05 % of the processor (at most 2)"
    assert (
        judged
        == "wrist, a fall is judged: 10 us a sample, 10 us the dearest, 0.05 % of the processor (at most 20)"
    )


def test_the_self_tests_fall_is_one_the_detector_looks_at():
    for position in ("trunk", "wrist"):
        detector = worn.detector(position)
        looked = False
        for index in range(selftest.REST_SAMPLES + FALL_SAMPLES):
            detector.feed(*selftest.made_up(index))
            looked = looked or detector.busy()
            assert not looked or index >= selftest.REST_SAMPLES
        assert looked
