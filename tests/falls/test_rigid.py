"""A box that is dropped keeps the laws of falling, turning and bouncing."""

import numpy as np
import pytest

from simulator.falls import rigid
from simulator.falls.rigid import RATE_HZ, G, Ground, above, fly

FLOOR = Ground(0.003, 0.3, 0.4)
BED = Ground(0.1, 0.5, 0.6)
LEVEL = np.array([1.0, 0, 0, 0])


def flights(felt):
    """[(start, samples)] of every stretch in which nothing but its own turning is felt."""
    free = np.concatenate([[False], np.linalg.norm(felt, axis=1) < 0.5 * G, [False]])
    edges = np.flatnonzero(np.diff(free.astype(int)))
    return list(zip(edges[::2], edges[1::2] - edges[::2], strict=True))


@pytest.mark.parametrize("height_m", [0.1, 0.5, 0.8, 1.2])
def test_a_free_fall_lasts_as_long_as_its_height_says(height_m):
    felt = fly(above(height_m, np.zeros(3), LEVEL, np.zeros(3)), FLOOR)
    start, lasts = flights(felt)[0]
    assert start == 0
    assert lasts / RATE_HZ == pytest.approx(np.sqrt(2 * height_m / G), abs=0.003)


def test_a_turning_box_feels_its_own_turning_in_flight_and_a_still_one_nothing():
    spin = np.array([0, 0, 12.0])
    felt = fly(above(0.8, np.zeros(3), LEVEL, spin), FLOOR)[:300]
    across = 12.0**2 * np.hypot(rigid.SENSOR_M[0], rigid.SENSOR_M[1])
    assert np.linalg.norm(felt, axis=1) == pytest.approx(across, rel=0.01)
    assert np.abs(fly(above(0.8, np.zeros(3), LEVEL, np.zeros(3)), FLOOR)[:300]).max() == 0


def test_in_flight_neither_energy_nor_the_turning_moment_changes():
    state = above(5.0, np.array([1.0, 0, 3]), LEVEL, np.array([5.0, 3, -7]))

    def kept():
        turning = rigid.INERTIA * state.spin
        energy = state.velocity @ state.velocity / 2 + G * state.place[2] + turning @ state.spin / 2
        return np.array([energy, *(rigid.matrix(state.attitude) @ turning * 1e4)])

    before = kept()
    for _ in range(500):
        rigid._step(state, 1 / RATE_HZ, None)
    assert kept() == pytest.approx(before, rel=0.02)


@pytest.mark.parametrize("ground", [FLOOR, BED, Ground(0.005, 0.15, 0.3)])
def test_a_dropped_box_bounces_lower_each_time_and_comes_to_lie_on_a_face_feeling_1_g(ground):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        q = rng.normal(size=4)
        state = above(0.8, np.array([0.3, 0, 0]), q / np.linalg.norm(q), rng.normal(0, 3, 3))
        felt = fly(state, ground, 15.0)
        assert np.linalg.norm(felt[-50:].mean(axis=0)) == pytest.approx(G, rel=0.05)
        assert np.abs(rigid.matrix(state.attitude)[2]).max() > 0.95
        first, *later = [lasts for _, lasts in flights(felt)]
        assert max(later, default=0) < 0.9 * first


def test_a_blow_lasts_as_long_as_the_ground_says_and_takes_all_the_speed_it_had():
    for ground in (Ground(0.004, 0.05, 0.3), Ground(0.06, 0.05, 0.3)):
        felt = fly(above(0.5, np.zeros(3), LEVEL, np.zeros(3)), ground)[:, 2]
        blow = felt[flights(np.outer(felt, [0, 0, 1]))[0][1] - 3 :]
        lasts = int(np.argmax(blow[6:] < 0.1)) + 3
        assert lasts / RATE_HZ == pytest.approx(ground.blow_s, rel=0.3, abs=0.002)
        speed = np.sqrt(2 * G * 0.5)
        assert speed < blow[: lasts + 5].sum() / RATE_HZ < 2.1 * speed + G * ground.blow_s
