"""What a device does to a recording: each change keeps what it must."""

import numpy as np
import pytest

from simulator.falls import changes
from simulator.falls.changes import CHANGES

RATE_HZ = 50


def size(samples):
    return np.linalg.norm(samples.astype(float), axis=1)


def fall(rng):
    """Walking, tipping over, a blow, lying: 20 s of somebody at whose waist x is ahead and z is up."""
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    tilt = np.pi / 2 * np.clip((t - 9.4) / 0.6, 0, 1)
    step = np.where(t < 9.4, 250 * np.sin(2 * np.pi * 2 * t), 0)
    up = 1000 + step - 600 * ((t > 9.4) & (t < 9.9)) + 3500 * np.exp(-(((t - 9.95) / 0.03) ** 2))
    samples = np.stack([-up * np.sin(tilt), step / 3, up * np.cos(tilt)], axis=1)
    return np.rint(samples + rng.normal(0, 8, samples.shape)).astype(np.int16)


@pytest.fixture
def recording():
    return fall(np.random.default_rng(1))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_takes_and_gives_int16_triples_and_leaves_the_recording_as_it_was(name, recording):
    before = recording.copy()
    changed = CHANGES[name](recording, np.random.default_rng(2))
    assert changed.dtype == np.int16 and changed.ndim == 2 and changed.shape[1] == 3
    assert np.array_equal(recording, before)
    assert not np.array_equal(changed, recording)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_does_the_same_with_the_same_generator(name, recording):
    once, again = (CHANGES[name](recording, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(once, again)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "4 g"])
def test_a_change_does_another_thing_with_another_generator(name, recording):
    once, again = (CHANGES[name](recording, np.random.default_rng(seed)) for seed in (4, 6))
    assert not np.array_equal(once, again)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "5 % lost"])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 1000])
def test_a_change_keeps_the_length(name, length, recording):
    assert len(CHANGES[name](recording[:length], np.random.default_rng(5))) == length


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("bad", [np.zeros((5, 2), np.int16), np.zeros((3, 5), np.int16), np.zeros((5, 3))])
def test_what_is_not_a_recording_is_refused(name, bad):
    with pytest.raises(ValueError, match=r"int16 \(n, 3\)"):
        CHANGES[name](bad, np.random.default_rng(0))


def test_a_turn_keeps_every_magnitude_and_the_angle_between_any_two_samples(recording):
    turned = changes.turned(recording, np.random.default_rng(6))
    assert np.abs(size(turned) - size(recording)).max() < 1
    across = (turned[0].astype(float) @ turned[-1].astype(float)) / (size(turned)[0] * size(turned)[-1])
    before = (recording[0].astype(float) @ recording[-1].astype(float)) / (
        size(recording)[0] * size(recording)[-1]
    )
    assert across == pytest.approx(before, abs=0.003)


def test_turns_point_gravity_everywhere():
    up = np.tile(np.array([[0, 0, 1000]], np.int16), (1, 1))
    rng = np.random.default_rng(7)
    ways = np.concatenate([changes.turned(up, rng) for _ in range(4000)]) / 1000
    assert np.abs(ways.mean(axis=0)).max() < 0.04
    assert np.abs(ways.T @ ways / len(ways) - np.eye(3) / 3).max() < 0.02


def test_at_4_g_what_is_within_stays_and_what_is_beyond_is_cut_off(recording):
    cut = changes.four_g(recording, np.random.default_rng(8))
    within = np.abs(recording) <= 4000
    assert np.array_equal(cut[within], recording[within])
    assert (~within).any() and (np.abs(cut[~within]) == 4000).all()


def test_at_25_hz_slow_motion_stays_and_what_is_too_fast_for_the_chip_is_gone():
    t = np.arange(500) / RATE_HZ
    slow = np.rint(1000 * np.sin(2 * np.pi * t)).astype(np.int16)[:, None] * np.array([1, 0, 0], np.int16)
    fast = np.rint(1000 * np.cos(np.pi * np.arange(500))).astype(np.int16)[:, None] * np.array(
        [1, 0, 0], np.int16
    )
    for seed in range(4):
        assert np.abs(changes.slow(slow, np.random.default_rng(seed)) - slow)[5:-5].max() < 30
        assert np.abs(changes.slow(fast, np.random.default_rng(seed)))[5:-5].max() == 0


def test_at_25_hz_every_second_sample_lies_between_its_neighbours(recording):
    for seed in range(4):
        felt = changes.slow(recording, np.random.default_rng(seed)).astype(int)
        bent = np.abs(felt[2:] + felt[:-2] - 2 * felt[1:-1]).max(axis=1)
        assert min(bent[0::2].max(), bent[1::2].max()) <= 2


def test_one_sample_in_twenty_is_lost_and_the_rest_come_in_their_order():
    count = 20_000
    numbered = np.tile(np.arange(count, dtype=np.int16)[:, None], (1, 3))
    kept = changes.lost(numbered, np.random.default_rng(9))[:, 0].astype(int)
    assert len(kept) == count - count // 20
    gaps = np.diff(kept) - 1
    assert (gaps >= 0).all()
    assert (gaps == 1).sum() > 50 and (gaps > 1).sum() > 50
    assert gaps.max() <= 3 * changes.RUN


def test_an_offset_is_50_mg_on_each_axis_and_the_gain_1_or_2_percent():
    for seed in range(20):
        rest, one = np.zeros((2, 3), np.int16), np.full((1, 3), 10_000, np.int16)
        felt = changes.offset(rest, np.random.default_rng(seed))
        assert (np.abs(felt) == 50).all()
        gained = changes.offset(one, np.random.default_rng(seed))[0] - felt[0]
        assert (np.abs(gained - 10_000) >= 99).all() and (np.abs(gained - 10_000) <= 201).all()


def test_on_a_cord_one_who_stands_feels_1_g_along_the_cord():
    standing = np.tile(np.array([[0, 0, 1000]], np.int16), (1000, 1))
    for seed in range(5):
        felt = changes.on_a_cord(standing, np.random.default_rng(seed))
        assert size(felt).mean() == pytest.approx(1000, abs=2)
        assert size(felt).std() < 15
        assert felt[:, 1].mean() > 900  # y is to the eye of the pendant


def test_on_a_cord_one_who_fell_ends_with_the_pendant_lying(recording):
    for seed in range(8):
        felt = changes.on_a_cord(recording, np.random.default_rng(seed)).astype(float)
        standing, lying = felt[:RATE_HZ].mean(axis=0), felt[-3 * RATE_HZ :].mean(axis=0)
        assert np.linalg.norm(standing) == pytest.approx(1000, abs=60)
        assert np.linalg.norm(lying) == pytest.approx(1000, abs=30)
        assert standing @ lying / np.linalg.norm(standing) / np.linalg.norm(lying) < 0.5
        assert felt[-3 * RATE_HZ :].std(axis=0).max() < 40


def test_on_a_cord_nothing_drifts_in_ten_minutes_of_walking():
    t = np.arange(600 * RATE_HZ) / RATE_HZ
    walk = np.stack(
        [80 * np.sin(2 * np.pi * 2 * t), 60 * np.sin(2 * np.pi * t), 1000 + 250 * np.sin(2 * np.pi * 2 * t)],
        1,
    )
    felt = changes.on_a_cord(np.rint(walk).astype(np.int16), np.random.default_rng(10))
    early, late = felt[10 * RATE_HZ : 60 * RATE_HZ].astype(float), felt[-50 * RATE_HZ :].astype(float)
    assert np.linalg.norm(early.mean(axis=0)) == pytest.approx(1000, abs=60)
    assert np.abs(early.mean(axis=0) - late.mean(axis=0)).max() < 40
    assert size(late).max() < 4000
