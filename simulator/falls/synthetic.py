"""A device handled without its wearer: no fall of a person, whatever it looks like. Made by physics, never recorded.

Each is 8 to 20 s: somebody has the device in hand, something happens to it, and it lies, hangs, or is carried off.
"""

from collections.abc import Callable, Iterator

import numpy as np

from simulator.world.body import RATE_HZ

from . import cord, rigid
from .rigid import Ground

FINE_HZ = rigid.RATE_HZ
EVERY = FINE_HZ // RATE_HZ
LONGEST_S = 20
RANGE_MG, NOISE_MG = 8000, 5  # the pendant's chip: drivers/lsm6dsox.py; its noise at ultra-low power
UP = np.array([0.0, 0.0, rigid.G])

Rng = np.random.Generator


def felt_mg(force: np.ndarray, rng: Rng) -> np.ndarray:
    """Return what the chip says of (n, 3) m/s² at 1 kHz: int16 milli-g at 50 Hz, ±8 g.

    At ultra-low power it measures for an instant, in another mode it means over the sample: either, by chance.
    """
    clipped = np.clip(force * (1000 / rigid.G), -RANGE_MG, RANGE_MG)
    count = min(len(clipped) // EVERY, LONGEST_S * RATE_HZ)
    clipped = clipped[: count * EVERY].reshape(-1, EVERY, 3)
    over = EVERY if rng.random() < 0.5 else int(rng.integers(1, 4))
    samples = clipped[:, :over].mean(axis=1)
    return np.rint(np.clip(samples + rng.normal(0, NOISE_MG, samples.shape), -RANGE_MG, RANGE_MG)).astype(
        np.int16
    )


# A hand.


def any_attitude(rng: Rng) -> np.ndarray:
    """Return a unit quaternion, any as likely as another."""
    q = rng.normal(size=4)
    return q / np.linalg.norm(q)


def flat(rng: Rng, off_deg: float) -> np.ndarray:
    """Return an attitude on its back or its face, so many degrees off at most, turned any way about the vertical."""
    yaw, off, way = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(0, off_deg)), rng.uniform(0, 2 * np.pi)
    over = np.array([[1.0, 0, 0, 0]] if rng.random() < 0.7 else [[0.0, 1, 0, 0]])
    about = np.array([[np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)]])
    tip = np.array([[np.cos(off / 2), np.sin(off / 2) * np.cos(way), np.sin(off / 2) * np.sin(way), 0]])
    return cord.product(cord.product(tip, about), over)[0]


def _pulse(t: np.ndarray, start_s: float, lasts_s: float) -> np.ndarray:
    """Return the bell of a smooth reach: a speed whose sum is 1."""
    u = np.clip((t - start_s) / lasts_s, 0, 1)
    return 30 * (u * (1 - u)) ** 2 / lasts_s


def _reach(t: np.ndarray, start_s: float, lasts_s: float) -> np.ndarray:
    """Return the acceleration of a smooth reach of 1 m."""
    u = np.clip((t - start_s) / lasts_s, 0, 1)
    return (60 * u - 180 * u**2 + 120 * u**3) / lasts_s**2


def hand(rng: Rng, seconds: float, rate_hz: int = FINE_HZ) -> tuple[np.ndarray, np.ndarray]:
    """Return what a hand does: accelerations (n, 3) m/s² in the room and turns (n, 3) rad/s in the device's axes.

    Reaches of 10 to 60 cm, turns of up to 120°, and the tremor of 7 to 12 Hz.
    """
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    push, turn = np.zeros((len(t), 3)), np.zeros((len(t), 3))
    for _ in range(rng.poisson(0.7 * seconds)):
        start, reach_m = (
            rng.uniform(-0.3, max(0.0, seconds - 0.6)),
            rng.normal(size=3) * rng.uniform(0.05, 0.35),
        )
        lasts = rng.uniform(0.5, 1.1) * np.sqrt(
            np.linalg.norm(reach_m) / 0.3
        )  # an arm takes longer for a longer way
        push += _reach(t, start, lasts)[:, None] * reach_m
        start, lasts = rng.uniform(-0.3, max(0.0, seconds - 0.6)), rng.uniform(0.4, 1.2)
        turn += _pulse(t, start, lasts)[:, None] * (rng.normal(size=3) * rng.uniform(0.1, 1.2))
    for _ in range(4):
        wave = np.sin(2 * np.pi * rng.uniform(7, 12) * t + rng.uniform(0, 7))
        push += wave[:, None] * rng.normal(0, 0.08, 3)
    return push, turn


def attitudes(turn: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the quaternions (n, 4) of a device that starts so and turns (n, 3) rad/s in its own axes, at 1 kHz."""
    angle = np.linalg.norm(turn, axis=1, keepdims=True) / FINE_HZ
    axis = turn / np.maximum(np.linalg.norm(turn, axis=1, keepdims=True), 1e-12)
    steps = np.hstack([np.cos(angle / 2), np.sin(angle / 2) * axis])
    return cord.running_product(np.vstack([start[None], steps]))[1:]


def held(push: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Return what is felt, in the device's axes, of accelerations (n, 3) in the room at attitudes (n, 4)."""
    return cord.turned(way * [1, -1, -1, -1], push + UP)


def in_hand(
    rng: Rng, seconds: float, end: np.ndarray | None = None, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is felt in the hand, and the last attitude; it starts as given, or ends as given."""
    push, turn = hand(rng, seconds)
    way = attitudes(turn, any_attitude(rng) if start is None else start)
    if end is not None:
        back = cord.product(end[None], way[-1:] * [1, -1, -1, -1])
        way = cord.product(np.repeat(back, len(way), axis=0), way)
    return held(push, way), way[-1]


def walked(rng: Rng, seconds: float, start: np.ndarray) -> np.ndarray:
    """Return what is felt of a device carried off, in a hand, a pocket or a bag: two steps a second, heel and sway."""
    push, turn = hand(rng, seconds)
    t = np.arange(len(push)) / FINE_HZ
    rate, strength, sway = rng.uniform(1.6, 2.1), rng.uniform(1, 3.5), rng.normal(0, 0.8, 2)
    begun = np.clip((t - 0.5) / 1.0, 0, 1)
    phase = 2 * np.pi * rate * t + rng.uniform(0, 7)
    push[:, 2] += begun * strength * (np.sin(phase) + 0.35 * np.sin(2 * phase + 1) + 0.15 * np.sin(4 * phase))
    push[:, :2] += (begun * np.sin(phase / 2))[:, None] * sway
    turn += (begun * np.cos(phase / 2))[:, None] * rng.normal(0, 0.5, 3)
    return held(push, attitudes(turn, start))


def lying(seconds: float, way: np.ndarray) -> np.ndarray:
    """Return what is felt at rest."""
    return np.repeat(rigid.matrix(way).T @ UP[:, None], round(seconds * FINE_HZ), axis=1).T


def left(rng: Rng, way: np.ndarray) -> np.ndarray:
    """Return what comes after: it lies for good, or is taken up again and looked at, or carried off."""
    what = rng.random()
    if what < 0.5:
        return lying(rng.uniform(4.5, 8), way)
    waits = lying(rng.uniform(2, 4), way)
    if what < 0.75:
        return np.vstack([waits, in_hand(rng, rng.uniform(2.5, 4), start=way)[0]])
    return np.vstack([waits, walked(rng, rng.uniform(3, 5), way)])


# What happens to it.


def hard(rng: Rng) -> Ground:
    """A tiled or wooden floor, a table."""
    return Ground(rng.uniform(0.002, 0.005), rng.uniform(0.12, 0.4), rng.uniform(0.2, 0.5))


def soft(rng: Rng) -> Ground:
    """A bed, a cushion, the bottom of a bag."""
    return Ground(rng.uniform(0.05, 0.15), rng.uniform(0.3, 0.8), rng.uniform(0.4, 0.8))


def _let_go(rng: Rng, before: np.ndarray, state: rigid.State, ground: Ground) -> np.ndarray:
    flight = rigid.fly(state, ground)
    return felt_mg(np.vstack([before, flight, left(rng, state.attitude)]), rng)


def put_down_hard(rng: Rng) -> np.ndarray:
    """The hand sets it on a table at 0.5 to 2 m/s, nearly flat, and lets go."""
    way, speed = flat(rng, 15), rng.uniform(0.5, 2.0)
    before, _ = in_hand(rng, rng.uniform(3.5, 6), end=way)
    t = np.arange(round(rng.uniform(0.25, 0.5) * FINE_HZ)) / FINE_HZ
    swing = -speed * np.pi / 2 / t[-1] * np.sin(np.pi * t / t[-1])
    swing = held(swing[:, None] * [0, 0, 1], np.repeat(way[None], len(t), axis=0))
    ground = Ground(rng.uniform(0.003, 0.008), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.5))
    state = rigid.above(0.002, np.array([0, 0, -speed]), way, rng.normal(0, 0.5, 3))
    return _let_go(rng, np.vstack([before, swing]), state, ground)


def dropped_empty(rng: Rng) -> np.ndarray:
    """It slips out of the hand 0.5 to 1.2 m above a hard floor, turning as it goes."""
    before, way = in_hand(rng, rng.uniform(3.5, 6))
    velocity = np.array([*rng.normal(0, 0.3, 2), 0.0])
    state = rigid.above(rng.uniform(0.5, 1.2), velocity, way, rng.normal(0, 4, 3))
    return _let_go(rng, before, state, hard(rng))


def thrown_on_a_bed(rng: Rng) -> np.ndarray:
    """The arm throws it 1 to 3 m, spinning; it lands on something soft below the hand, and rolls."""
    before, way = in_hand(rng, rng.uniform(3.5, 6))
    velocity = np.array([rng.uniform(1, 3), 0.0, rng.uniform(0, 2)])
    spin = rng.normal(0, 6, 3)
    t = np.arange(round(rng.uniform(0.2, 0.4) * FINE_HZ)) / FINE_HZ
    rise = np.sin(np.pi * t / t[-1])[:, None] * np.pi / 2 / t[-1]
    turn = attitudes(spin * np.clip(t / t[-1], 0, 1)[:, None], way)
    state = rigid.above(rng.uniform(0.3, 0.9), velocity, turn[-1], spin)
    return _let_go(rng, np.vstack([before, held(rise * velocity, turn)]), state, soft(rng))


def tossed_in_a_bag(rng: Rng) -> np.ndarray:
    """It drops 10 to 40 cm into a bag, and the bag is carried off."""
    before, way = in_hand(rng, rng.uniform(3.5, 5))
    state = rigid.above(
        rng.uniform(0.1, 0.4), np.array([*rng.normal(0, 0.3, 2), 0]), way, rng.normal(0, 4, 3)
    )
    drop = rigid.fly(state, soft(rng), 3.0)
    waits = lying(rng.uniform(0.3, 2), state.attitude)
    return felt_mg(np.vstack([before, drop, waits, walked(rng, rng.uniform(5, 9), state.attitude)]), rng)


def shaken(rng: Rng) -> np.ndarray:
    """A hand shakes it 3 to 6 times a second for 1 to 5 s, as a child does, and puts it down."""
    seconds = rng.uniform(1, 5)
    push, turn = hand(rng, seconds)
    t = np.arange(len(push)) / FINE_HZ
    rises = np.clip(np.minimum(t, t[-1] - t) / 0.4, 0, 1)
    phase = 2 * np.pi * (rng.uniform(3, 6) * t + 0.1 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * t))
    way = rng.normal(size=3)
    push += (rises * np.sin(phase) * rng.uniform(8, 40))[:, None] * way / np.linalg.norm(way)
    turn += (rises * np.cos(phase))[:, None] * rng.normal(0, 4, 3)
    before, start = in_hand(rng, rng.uniform(3.5, 5))
    way = attitudes(turn, start)
    after, end = in_hand(rng, rng.uniform(2, 4), start=way[-1])
    state = rigid.above(0.003, np.array([0, 0, -rng.uniform(0.1, 0.4)]), end, np.zeros(3))
    return _let_go(rng, np.vstack([before, held(push, way), after]), state, hard(rng))


def _knock(rng: Rng, count: int, strongest: float) -> np.ndarray:
    """Return what a blow on what it lies on does to it, m/s²: a few waves of 20 to 60 Hz that die away."""
    t = np.arange(count) / FINE_HZ
    wave = np.sin(2 * np.pi * rng.uniform(20, 60) * t) * np.exp(-t * rng.uniform(15, 60))
    return (wave * rng.uniform(0.15, 1) * strongest)[:, None] * [*rng.normal(0, 0.3, 2), 1]


def knocked(rng: Rng) -> np.ndarray:
    """It lies on the night table; something strikes the table once or more, and may push it along."""
    way = flat(rng, 0)
    rest = lying(rng.uniform(6, 10), way)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(rest)))
        rest[at:] += held(
            _knock(rng, len(rest) - at, 50.0) - UP, np.repeat(way[None], len(rest) - at, axis=0)
        )
    if rng.random() < 0.5:
        return felt_mg(np.vstack([rest, left(rng, way)]), rng)
    state = rigid.above(0.0, np.array([rng.uniform(0.2, 1), 0, 0]), way, rng.normal(0, 1, 3))
    return _let_go(rng, rest, state, hard(rng))


def charged(rng: Rng) -> np.ndarray:
    """The charger is put on in the hand, with a click or two, and the device laid down."""
    way = flat(rng, 5)
    before, _ = in_hand(rng, rng.uniform(4, 8), end=way)
    for _ in range(rng.integers(1, 4)):
        lasts, at = int(rng.integers(5, 15)), int(rng.integers(len(before) - 20))
        bump = np.sin(np.pi * np.arange(lasts) / lasts)[:, None]
        before[at : at + lasts] += bump * rng.normal(0, 12, 3)
    state = rigid.above(0.002, np.array([0, 0, -rng.uniform(0.05, 0.3)]), way, np.zeros(3))
    return _let_go(rng, before, state, hard(rng))


# By its cord.


def _by_its_cord(rng: Rng, push: np.ndarray, floor_m: np.ndarray | None, wall: bool) -> np.ndarray:
    """Return what is felt, int16 milli-g at 50 Hz, of a cord whose upper end is pushed (n, 3) m/s²."""
    hangs = cord.Cord.any(rng)
    chest = np.tile([1.0, 0.0, 0.0], (len(push), 1)) if wall else None
    around = cord.Surroundings(push + UP, chest, floor_m)
    motion = cord.hang(hangs, around)
    samples = 1000 * cord.felt(motion, cord.faces(hangs, around, motion))
    return np.rint(np.clip(samples + rng.normal(0, NOISE_MG, samples.shape), -RANGE_MG, RANGE_MG)).astype(
        np.int16
    )


def hung_on_a_hook(rng: Rng) -> np.ndarray:
    """Carried by its cord and hung on a hook, free or before a wall, where it swings to rest."""
    carried = hand(rng, rng.uniform(3, 6), RATE_HZ)[0]
    carried[-1] += rng.normal(0, 8, 3)  # the hook
    push = np.vstack([carried, np.zeros((round(rng.uniform(6, 12) * RATE_HZ), 3))])
    return _by_its_cord(rng, push, None, bool(rng.random() < 0.5))


def swung_by_its_cord(rng: Rng) -> np.ndarray:
    """The hand that holds the cord goes round or to and fro, 0.7 to 2 times a second, and then lays it down."""
    push = hand(rng, rng.uniform(10, 16), RATE_HZ)[0]
    n = len(push)
    t = np.arange(n) / RATE_HZ
    stop = t[-1] - rng.uniform(4, 6)
    rises = np.clip(np.minimum(t - 2, stop - t), 0, 1)
    phase = 2 * np.pi * rng.uniform(0.7, 2) * t
    strong = rng.uniform(1, 8)
    push[:, 0] += rises * strong * np.cos(phase)
    push[:, int(rng.integers(1, 3))] += rises * strong * np.sin(phase) * rng.uniform(0, 1)
    push[t > stop + 1.5] *= 0
    floor_m = 0.1 + np.clip((stop + 1.5 - t) * 0.6, 0, 1.2) if rng.random() < 0.6 else None
    return _by_its_cord(rng, push, floor_m, False)


KINDS: dict[str, Callable[[Rng], np.ndarray]] = {
    "put down hard": put_down_hard,
    "dropped empty": dropped_empty,
    "thrown on a bed": thrown_on_a_bed,
    "tossed in a bag": tossed_in_a_bag,
    "shaken": shaken,
    "hung on a hook": hung_on_a_hook,
    "knocked on the night table": knocked,
    "swung by its cord": swung_by_its_cord,
    "put on the charger": charged,
}


def generate(rng: Rng) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each kind once, by name, as int16 (n, 3) milli-g at 50 Hz; call again for others."""
    for name, kind in KINDS.items():
        yield name, kind(rng)
