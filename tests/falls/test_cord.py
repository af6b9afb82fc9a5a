"""A pendant on a cord keeps a pendulum's laws."""

import numpy as np
import pytest

from simulator.falls import cord

RATE_HZ = 50
UP = np.array([0.0, 0.0, cord.G])


def released(length_m, damping_per_s, seconds=20):
    """A cord pulled 6° aside until it rests, then let go: the angle in radians at every sample."""
    hangs = cord.Cord(length_m=length_m, damping_per_s=damping_per_s)
    aside = np.array([np.sin(0.1), 0, np.cos(0.1)]) * cord.G
    force = np.vstack([np.tile(aside, (3 * RATE_HZ, 1)), np.tile(UP, (seconds * RATE_HZ, 1))])
    motion = cord.hang(hangs, cord.Surroundings(force))
    return hangs, np.arctan2(motion.along[3 * RATE_HZ :, 0], motion.along[3 * RATE_HZ :, 2]), motion


@pytest.mark.parametrize("length_m", [0.30, 0.38, 0.45])
def test_it_swings_at_its_own_period(length_m):
    hangs, angle, _ = released(length_m, 0.1)
    crossings = np.flatnonzero((angle[:-1] > 0) & (angle[1:] <= 0))
    at = crossings + angle[crossings] / (angle[crossings] - angle[crossings + 1])
    assert np.diff(at).mean() / RATE_HZ == pytest.approx(hangs.period_s, rel=0.03)


@pytest.mark.parametrize("damping_per_s", [0.3, 0.6, 1.2])
def test_it_comes_to_rest_as_its_damping_says_and_little_sooner(damping_per_s):
    hangs, angle, _ = released(0.38, damping_per_s, 12)
    cycle = round(hangs.period_s * RATE_HZ)
    early, late = np.abs(angle[:cycle]).max(), np.abs(angle[4 * cycle : 5 * cycle]).max()
    lost_per_s = np.log(early / late) / (4 * cycle / RATE_HZ)
    assert 0.95 * damping_per_s / 2 < lost_per_s < damping_per_s / 2 + 0.1


def test_what_it_feels_swinging_is_the_cords_pull():
    _, _angle, motion = released(0.38, 0.3)
    pull = motion.force[3 * RATE_HZ :]
    along = np.sum(pull * motion.along[3 * RATE_HZ :], axis=1) / cord.G
    assert along[:200].max() > 1.0 and along.mean() == pytest.approx(1, abs=0.01)
    across = np.linalg.norm(pull, axis=1) / cord.G - along
    assert across.max() < 0.01


def test_in_free_fall_it_feels_nothing_until_its_wearer_lands():
    force = np.vstack([np.tile(UP, (100, 1)), np.zeros((20, 3)), np.tile(UP, (100, 1))])
    felt = np.linalg.norm(cord.hang(cord.Cord(), cord.Surroundings(force)).force, axis=1) / cord.G
    assert felt[:100].mean() == pytest.approx(1, abs=0.02)
    assert felt[106:118].max() < 0.1


def test_however_it_is_shaken_the_cord_holds_it_and_it_stays_before_the_chest_and_above_the_floor():
    rng = np.random.default_rng(1)
    force = rng.normal(0, 8, (3000, 3)) + UP
    chest = np.tile([np.cos(0.1), 0.0, np.sin(0.1)], (3000, 1))
    floor_m = np.repeat([1.0, 0.2, 1.0], 1000)
    worn = cord.Cord()
    motion = cord.hang(worn, cord.Surroundings(force, chest, floor_m))
    gives_m = 0.05
    assert np.linalg.norm(motion.place, axis=1).max() < worn.length_m + worn.pendant_m / 2 + gives_m
    assert np.sum(chest * motion.place, axis=1).min() > -worn.chest_m - gives_m
    lies = slice(1100, 2000)
    assert motion.place[lies, 2].min() > -0.2 - gives_m
    assert (motion.touches[lies] == 2).mean() > 0.9 and (motion.touches[:1000] == 2).sum() == 0
    assert (motion.touches[:1000] == 1).any() and (motion.touches[:1000] == 0).any()


def test_on_the_back_it_lies_flat_on_the_chest_and_on_the_side_on_the_floor():
    lying = UP + np.random.default_rng(2).normal(0, 0.05, (500, 3))  # a breath: nothing balances on its edge
    for chest, floor_m, touches in (([0.0, 0, 1], 0.12, 1), ([1.0, 0, 0], 0.12, 2)):
        around = cord.Surroundings(lying, np.tile(chest, (500, 1)), np.full(500, floor_m))
        motion = cord.hang(cord.Cord(), around)
        felt = cord.felt(motion, cord.faces(cord.Cord(), around, motion))
        assert motion.touches[-1] == touches
        assert abs(felt[-1, 2]) == pytest.approx(1, abs=0.02)


def test_gravity_is_found_through_walking_and_turning():
    t = np.arange(1000) / RATE_HZ
    up = np.stack([np.sin(0.2 * t), 0 * t, np.cos(0.2 * t)], axis=1)
    felt = up * (1 + 0.3 * np.sin(2 * np.pi * 2 * t))[:, None]
    off = np.degrees(np.arccos(np.clip(np.sum(cord.gravity(felt) * up, axis=1), -1, 1)))
    assert off[50:-50].max() < 3


def test_the_frame_turns_with_the_body_but_never_about_the_vertical():
    t = np.arange(1000) / RATE_HZ
    tilt = 1.4 * np.sin(0.5 * t)
    up = np.stack([np.sin(tilt), 0 * t, np.cos(tilt)], axis=1)
    turn = cord.attitude(up)
    back = np.stack(
        [cord.turned(turn, axis) for axis in np.eye(3)], axis=1
    )  # rows: the sensor's axes seen in the frame
    assert np.einsum("nij,ni->nj", back, up) == pytest.approx(np.tile([0.0, 0, 1], (1000, 1)), abs=1e-6)
    assert back[:, 1] == pytest.approx(np.tile(back[0, 1], (1000, 1)), abs=1e-6)
