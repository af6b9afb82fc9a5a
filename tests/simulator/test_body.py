"""What the accelerometer feels of a body: one motion after another, and rest as it was left between them."""

import pytest

from simulator.world.body import MOTIONS, RATE_HZ, Body, gravity

SECOND = 1_000_000


@pytest.mark.parametrize("name", sorted(MOTIONS))
def test_a_motion_lasts_as_long_as_it_says_and_ends_at_rest(name):
    body = Body()
    seconds = body.play(name, 5 * SECOND)
    assert body.moving(5 * SECOND)
    after = 5 * SECOND + round((seconds + 1) * SECOND)
    assert not body.moving(after)
    assert body.at(after) == body.at(after + 100 * SECOND)


def test_who_asks_late_for_the_time_before_a_fall_hears_of_the_body_as_it_was_then():
    body = Body()
    hanging = body.at(0)
    body.play_trace([(1000, 0, 0)] * RATE_HZ, 10 * SECOND)
    assert body.at(9 * SECOND) == hanging == gravity(5)
    assert body.at(12 * SECOND) == (1000, 0, 0)


def test_one_seed_gives_one_fall():
    first, again = Body(3), Body(3)
    first.play("fall", 0)
    again.play("fall", 0)
    assert [first.at(t) for t in range(0, SECOND, 20_000)] == [again.at(t) for t in range(0, SECOND, 20_000)]
