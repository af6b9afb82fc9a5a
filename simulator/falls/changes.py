"""What a device does to a recording: turned, on a cord, a narrower or slower chip, lost samples, an offset.

Each takes and returns int16 (n, 3) milli-g at 50 Hz, and with the same Generator does the same.
"""

from collections.abc import Callable

import numpy as np

from simulator.world.body import RATE_HZ

from . import cord

RANGE_MG = 4000
SLOW_HZ = 25
LOST = 0.05
RUN = 8  # samples lost at once, at most: 160 ms
OFFSET_MG = 50
GAIN = (0.01, 0.02)
FULL_MG = 8000  # the pendant's chip (drivers/lsm6dsox.py)
NOISE_MG = 5  # its own, at ultra-low power


def _whole(samples: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(samples, -32768, 32767)).astype(np.int16)


def _checked(samples: np.ndarray) -> np.ndarray:
    """Return the samples as floats; ValueError if they are not what a recording is."""
    if samples.ndim != 2 or samples.shape[1] != 3 or samples.dtype != np.int16:
        raise ValueError(f"samples are int16 (n, 3) in milli-g, not {samples.dtype} {samples.shape}")
    return samples.astype(float)


def turned(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One turn for the whole stream, any as likely as another: the device is worn another way round."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return _whole(_checked(samples) @ turn.T)


def on_a_cord(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What was worn firmly at the waist or trunk hangs on the breast, on a cord of 30 to 45 cm (see cord.py).

    The wearer is upright in the first second. What the trunk tips to is the back, the belly or a side, give or take 15°: the
    recording does not say which.
    """
    if not len(samples):
        return _whole(_checked(samples))
    worn = cord.Cord.any(rng)
    around = cord.surroundings(
        _checked(samples), worn, np.pi / 2 * rng.integers(4) + rng.normal(0, np.radians(15))
    )
    motion = cord.hang(worn, around)
    felt = 1000 * cord.felt(motion, cord.faces(worn, around, motion))
    return _whole(np.clip(felt + rng.normal(0, NOISE_MG, felt.shape), -FULL_MG, FULL_MG))


def four_g(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A chip set to ±4 g: each axis is cut off there."""
    return _whole(np.clip(_checked(samples), -RANGE_MG, RANGE_MG))


def slow(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A chip at 25 Hz, made 50 Hz again on straight lines.

    Its filter is the weights ¼, ½, ¼: half of what moves at 12.5 Hz passes, nothing of what it would mistake. Which of two
    samples falls on one of the chip's is chance.
    """
    felt, phase = _checked(samples), int(rng.integers(RATE_HZ // SLOW_HZ))
    if len(felt) <= phase:
        return _whole(felt)
    padded = np.pad(felt, ((1, 1), (0, 0)), mode="edge")
    filtered = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    at, taken = np.arange(len(felt)), np.arange(phase, len(felt), RATE_HZ // SLOW_HZ)
    return _whole(np.stack([np.interp(at, taken, filtered[taken, axis]) for axis in range(3)], axis=1))


def at_rate(samples: np.ndarray, rate_hz: float, phase: float, mean: bool) -> np.ndarray:
    """A chip at any rate up to 50 Hz, made 50 Hz again on straight lines; `phase` in 0..1 of its first interval.

    With `mean` each of its samples is the mean over its interval, else what was felt at one moment.
    """
    felt = _checked(samples)
    at = np.arange(len(felt))
    taken = np.arange(phase * RATE_HZ / rate_hz, len(felt) - 1, RATE_HZ / rate_hz)
    if len(taken) < 2:
        return _whole(felt)
    if mean:
        whole = np.concatenate([np.zeros((1, 3)), np.cumsum(felt, axis=0)])
        half = RATE_HZ / rate_hz / 2
        edges = np.arange(len(felt) + 1)
        low, high = np.clip(taken + 0.5 - half, 0, len(felt)), np.clip(taken + 0.5 + half, 0, len(felt))
        sums = [np.interp(high, edges, axis) - np.interp(low, edges, axis) for axis in whole.T]
        kept = np.stack(sums, axis=1) / (high - low)[:, None]
    else:
        kept = np.stack([np.interp(taken, at, axis) for axis in felt.T], axis=1)
    return _whole(np.stack([np.interp(at, taken, axis) for axis in kept.T], axis=1))


def lost(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """5 % of the samples are gone, half of the gaps single, the others runs of 2 to 8; the stream closes up and is shorter.

    So it reaches a device whose FIFO overflowed: the chip counts no samples, and nothing says where the gap was. What was at
    a sample before is earlier now; find the peak again.
    """
    felt = _checked(samples)
    keep = np.ones(len(felt), dtype=bool)
    missing = round(LOST * len(felt))
    while missing:
        run = min(missing, 1 if rng.random() < 0.5 else int(rng.integers(2, RUN + 1)))
        start = int(rng.integers(len(felt) - run + 1))
        missing -= int(keep[start : start + run].sum())
        keep[start : start + run] = False
    return _whole(felt[keep])


def offset(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A chip that reads 50 mg too much or too little on each axis, and 1 to 2 % too far or too short."""
    shift = rng.choice((-OFFSET_MG, OFFSET_MG), size=3)
    gain = 1 + rng.choice((-1, 1), size=3) * rng.uniform(*GAIN, size=3)
    return _whole(_checked(samples) * gain + shift)


CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "turned": turned,
    "on a cord": on_a_cord,
    "4 g": four_g,
    "25 Hz": slow,
    "5 % lost": lost,
    "offset": offset,
}
