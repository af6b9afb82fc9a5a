"""The wearer's body as the accelerometer feels it: recorded or made up, always a function of time."""

import math
import random
from collections.abc import Callable, Sequence

Sample = tuple[int, int, int]
RATE_HZ = 50


def gravity(tilt_deg: float) -> Sample:
    """Return 1 g as a pendant feels it that hangs (0) or lies (90)."""
    angle = math.radians(tilt_deg)
    return round(1000 * math.sin(angle)), round(1000 * math.cos(angle)), 60


def _noisy(sample: Sample, noise: random.Random, spread_mg: float) -> Sample:
    x, y, z = (round(value + noise.gauss(0, spread_mg)) for value in sample)
    return x, y, z


def _tilted(tilt_deg: float, magnitude_mg: float) -> Sample:
    x, y, z = gravity(tilt_deg)
    return round(x * magnitude_mg / 1000), round(y * magnitude_mg / 1000), round(z * magnitude_mg / 1000)


def fall(noise: random.Random) -> list[Sample]:
    """A person who stands, topples, hits the floor and lies still: 1 s, 0.5 s, 0.2 s, rolling 0.8 s, 6 s.

    Who topples is not weightless, as a thing is that drops: feet and knees hold her back, and she turns on her way.
    """
    standing = [_noisy(gravity(5), noise, 35) for _ in range(RATE_HZ)]
    toppling = [_noisy(_tilted(5 + 65 * (i / 25) ** 2, 950 - 20 * i), noise, 60) for i in range(25)]
    blow = (1700, 3900, 3100, 2300, 1500, 800, 500, 1200, 1600, 1100)
    impact = [_noisy(_tilted(70 + 3 * i, size), noise, 120) for i, size in enumerate(blow)]
    rolling = [_noisy(gravity(100 - 0.25 * i), noise, 160 * (1 - i / 40)) for i in range(40)]
    lying = [_noisy(gravity(90), noise, 12) for _ in range(6 * RATE_HZ)]
    return standing + toppling + impact + rolling + lying


def walk(noise: random.Random, seconds: int = 10) -> list[Sample]:
    """Two steps a second, with the pendant bouncing on the breastbone."""
    samples = []
    for i in range(seconds * RATE_HZ):
        step = math.sin(2 * math.pi * 2 * i / RATE_HZ)
        samples.append(_noisy((round(120 * step), 1000 + round(280 * step), 100), noise, 40))
    return samples


def run(noise: random.Random, seconds: int = 75) -> list[Sample]:
    """Running: 2.7 steps a second, each a blow of about 4 g; a little longer than a minute."""
    samples = []
    for i in range(seconds * RATE_HZ):
        phase = 2.7 * i / RATE_HZ % 1
        down = 4200 if phase < 2.7 / RATE_HZ else 450 + 900 * math.sin(math.pi * phase)
        sideways = 200 * math.sin(2 * math.pi * 1.35 * i / RATE_HZ)
        samples.append(_noisy((round(sideways), round(down), 120), noise, 80))
    return samples


def swing(noise: random.Random, seconds: int = 10, degrees: float = 35) -> list[Sample]:
    """A pendant that swings on its cord: a pendulum of 45 cm feels more than 1 g below, less above."""
    period_s = 2 * math.pi * math.sqrt(0.45 / 9.81)
    amplitude = math.radians(degrees)
    samples = []
    for i in range(seconds * RATE_HZ):
        phase = 2 * math.pi * i / RATE_HZ / period_s
        angle = amplitude * math.cos(phase)
        along = 1000 * (math.cos(angle) + (amplitude * math.sin(phase)) ** 2)
        samples.append(_noisy((0, round(along), 30), noise, 20))
    return samples


def get_up(noise: random.Random) -> list[Sample]:
    """From lying to standing in three seconds."""
    return [_noisy(gravity(90 - 90 * i / 150), noise, 120) for i in range(150)]


MOTIONS: dict[str, Callable[[random.Random], list[Sample]]] = {
    "fall": fall,
    "walk": walk,
    "run": run,
    "swing": swing,
    "get-up": get_up,
}


class Body:
    """Plays one motion after another; between them the device feels its last orientation at rest."""

    def __init__(self, seed: int = 0) -> None:
        self._noise = random.Random(seed)
        self._trace: Sequence[Sample] = ()
        self._start_us = 0
        self._rest = self._before = gravity(5)

    def play(self, name: str, now_us: int) -> float:
        """Start a motion by name; return how many seconds it lasts."""
        return self.play_trace(MOTIONS[name](self._noise), now_us)

    def play_trace(self, trace: Sequence[Sample], now_us: int) -> float:
        """Start a recorded motion: milli-g triples at 50 Hz."""
        self._before = self.at(now_us)
        self._trace, self._start_us = trace, now_us
        tail = trace[-RATE_HZ:]
        x, y, z = (round(sum(axis) / len(tail)) for axis in zip(*tail, strict=True))
        self._rest = (x, y, z)
        return len(trace) / RATE_HZ

    def moving(self, now_us: int) -> bool:
        return bool(self._trace) and now_us - self._start_us <= len(self._trace) * 1_000_000 // RATE_HZ

    def at(self, t_us: int) -> Sample:
        index = (t_us - self._start_us) * RATE_HZ // 1_000_000
        if 0 <= index < len(self._trace):
            return self._trace[index]
        return self._rest if index >= 0 else self._before  # a chip asks late for what was before
