"""A device handled without its wearer: every kind is what physics makes of it."""

import numpy as np
import pytest

from simulator.falls import synthetic

RATE_HZ = 50


def size(samples):
    return np.linalg.norm(samples.astype(float), axis=1)


def longest(these):
    """The longest stretch of samples that are among these."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], these, [0]])))
    return max((edges[1::2] - edges[::2]).tolist(), default=0)


@pytest.fixture(scope="module")
def handled():
    """{kind: five of them}."""
    rng = np.random.default_rng(1)
    kinds = {}
    for _ in range(5):
        for name, samples in synthetic.generate(rng):
            kinds.setdefault(name, []).append(samples)
    return kinds


def test_every_kind_comes_once_a_round_and_never_the_same_twice(handled):
    assert list(handled) == list(synthetic.KINDS)
    for samples in handled.values():
        assert len(samples) == 5
        assert not np.array_equal(samples[0][:300], samples[1][:300])


def test_each_is_8_to_20_seconds_of_what_a_chip_of_8_g_may_say(handled):
    for samples in (s for kind in handled.values() for s in kind):
        assert samples.dtype == np.int16 and samples.ndim == 2 and samples.shape[1] == 3
        assert 8 * RATE_HZ <= len(samples) <= 20 * RATE_HZ
        assert np.abs(samples).max() <= 8000


def test_the_same_generator_gives_the_same():
    once, again = (list(synthetic.generate(np.random.default_rng(2))) for _ in range(2))
    for (name, a), (other, b) in zip(once, again, strict=True):
        assert name == other and np.array_equal(a, b)


def test_before_anything_happens_a_hand_holds_it_near_1_g(handled):
    for samples in (s for kind in handled.values() for s in kind):
        assert np.median(size(samples[:100])) == pytest.approx(1000, abs=200)


def test_gravity_turns_in_the_hand_and_its_tremor_is_there(handled):
    for name in ("dropped empty", "put down hard", "shaken"):
        for samples in handled[name]:
            before = samples[:150].astype(float)
            assert 3 < np.diff(before, axis=0).std() < 150
    turns = [np.ptp(s[:175].astype(float), axis=0).max() for kind in handled.values() for s in kind]
    assert np.median(turns) > 300


def test_a_dropped_device_is_in_free_fall_for_0_3_to_0_5_s(handled):
    for samples in handled["dropped empty"]:
        # Half a metre takes 0.319 s, 1.2 m 0.495 s; the edges may be means of a sample's time.
        falls = longest(size(samples) < 750)
        assert 14 <= falls <= 27


def test_what_is_put_down_hard_does_not_fall(handled):
    for samples in handled["put down hard"]:
        assert longest(size(samples) < 300) < 12


def test_what_is_shaken_moves_to_and_fro_three_to_six_times_a_second():
    for seed in range(3):
        samples = synthetic.shaken(np.random.default_rng(seed)).astype(float)
        spectrum = np.abs(np.fft.rfft(samples - samples.mean(axis=0), axis=0)).sum(axis=1)
        hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
        fast = hz > 1.5
        assert 2.7 < hz[fast][np.argmax(spectrum[fast])] < 6.5


def test_on_its_hook_it_comes_to_rest_along_its_cord(handled):
    for samples in handled["hung on a hook"]:
        end = samples[-RATE_HZ:].astype(float)
        assert end.mean(axis=0)[1] > 900 and size(end).mean() == pytest.approx(1000, abs=15)


def test_what_lies_before_a_knock_lies_flat_and_is_still_flat_when_left_to_lie(handled):
    for samples in handled["knocked on the night table"]:
        assert np.abs(np.median(samples[:250], axis=0)[2]) == pytest.approx(1000, abs=15)


def test_the_chip_cuts_off_a_blow_at_its_range_before_it_means_over_it():
    still = np.tile(synthetic.UP, (2000, 1))
    struck = still.copy()
    struck[1000:1003] = [0, 0, 3000.0]
    peaks = [synthetic.felt_mg(struck, np.random.default_rng(seed))[50, 2] for seed in range(20)]
    meant = 1000 + 3 * 7000 / 20
    assert min(peaks) == pytest.approx(meant, abs=30) and max(peaks) == 8000


def test_a_turn_in_the_hand_ends_or_starts_where_it_is_told():
    flat = synthetic.flat(np.random.default_rng(3), 0)
    felt, way = synthetic.in_hand(np.random.default_rng(4), 4, end=flat)
    assert np.abs(way @ flat) == pytest.approx(1)
    assert np.abs(felt[-1] / 9.81)[2] == pytest.approx(1, abs=0.4)
    _, turning = synthetic.hand(np.random.default_rng(5), 4)
    assert np.abs(synthetic.attitudes(0 * turning, flat)[-1] @ flat) == pytest.approx(1)
