"""A pendant on a cord, felt from what a sensor worn firmly on the same body felt.

The pendant is two equal points, its eye and its foot, joined by a link; the cord holds the eye within its length of the
neck and goes slack; the chest and what the wearer lies on are planes with friction that give. Everything is reckoned
from the neck, which accelerates: nothing is integrated but the pendant's own motion, so nothing drifts.
"""

import math
from dataclasses import dataclass

import numpy as np

from simulator.world.body import RATE_HZ

G = 9.81  # m/s²
STEPS = 5  # of 4 ms, between two samples
SETTLE_S = 3  # the pendant comes to rest on the first instant's force before anything is felt
TRUNK_M = 0.4  # from the waist to the neck
GRAVITY_S = 0.35  # standard deviation of the window over which gravity is looked for
STANDING_M = 1.3  # from the neck to the floor, less what is left of it lying


@dataclass(frozen=True, slots=True)
class Cord:
    """How a pendant hangs: lengths in m, the rest as said."""

    length_m: float = 0.38
    pendant_m: float = 0.03  # between the eye and the foot
    damping_per_s: float = 0.6  # of the speed: air, and the cord on the neck
    friction: float = 0.45
    give: float = (
        0.3  # of a blow's speed, lost in a step of 4 ms: cloth and skin under the cord and the pendant
    )
    chest_m: float = 0.02  # how far before the chest the neck end of the cord is
    lean_rad: float = 0.1  # the chest's slope: more than 0 and the pendant rests against it
    lying_m: float = 0.12  # from the neck to what a lying wearer lies on
    facing_per_s2: float = 80.0  # the two strands turn the pendant's face outwards, at 1 g of pull
    eccentric_per_m: float = 2.0  # how a pull sideways turns it about the cord

    @classmethod
    def any(cls, rng: np.random.Generator) -> "Cord":
        """Return a cord somebody may wear: 30 to 45 cm, on an upright or a sloping chest."""
        return cls(
            length_m=rng.uniform(0.30, 0.45),
            damping_per_s=rng.uniform(0.3, 1.2),
            friction=rng.uniform(0.3, 0.6),
            give=rng.uniform(0.15, 0.5),
            chest_m=rng.uniform(0.0, 0.04),
            lean_rad=rng.uniform(-0.05, 0.3),
            lying_m=rng.uniform(0.06, 0.18),
            facing_per_s2=rng.uniform(30, 120),
            eccentric_per_m=rng.uniform(-4, 4),
        )

    @property
    def period_s(self) -> float:
        """Of a small swing, the pendant in line with its cord."""
        eye, foot = self.length_m, self.length_m + self.pendant_m
        return 2 * math.pi * math.sqrt((eye**2 + foot**2) / ((eye + foot) * G))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the neck end of the cord meets at every sample, in a frame that does not turn, z up.

    `force` (n, 3) is the neck's specific force in m/s²; `chest` (n, 3) the unit vector out of the chest, or None;
    `floor_m` (n,) how far below the neck the floor or bed is, or None.
    """

    force: np.ndarray
    chest: np.ndarray | None = None
    floor_m: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Motion:
    """The pendant's at every sample, in the same frame.

    `force` (n, 3) is its specific force in m/s²; `place` (n, 3) its middle, in m from the neck; `along` (n, 3) the unit
    vector from foot to eye; `touches` (n,) is 0 in the air, 1 against the chest, 2 on the floor.
    """

    force: np.ndarray
    place: np.ndarray
    along: np.ndarray
    touches: np.ndarray


# Where gravity is.


def _smooth(values: np.ndarray, sigma_s: float) -> np.ndarray:
    """Return the columns of (n, k) under a Gaussian window; beyond the ends the end values go on."""
    reach = math.ceil(3 * sigma_s * RATE_HZ)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma_s * RATE_HZ)) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(c, window / window.sum(), "valid") for c in padded.T], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def gravity(force_g: np.ndarray) -> np.ndarray:
    """Return where up is in the sensor's own frame, (n, 3) unit vectors: the samples near 1 g say it."""
    size = np.linalg.norm(force_g, axis=1)
    weight = (np.exp(-(((size - 1) / 0.2) ** 2)) + 1e-3)[:, None]
    return _unit(_smooth(weight * force_g, GRAVITY_S))


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the products of quaternions (n, 4), the scalar first."""
    scalar = a[:, :1] * b[:, :1] - np.sum(a[:, 1:] * b[:, 1:], axis=1, keepdims=True)
    return np.hstack([scalar, a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:] + np.cross(a[:, 1:], b[:, 1:])])


def running_product(q: np.ndarray) -> np.ndarray:
    """Return each quaternion of (n, 4) multiplied by all before it, the first to the left, unit again."""
    q = q.copy()
    reach = 1
    while reach < len(q):  # by doubling
        q[reach:] = product(q[:-reach].copy(), q[reach:])
        reach *= 2
    return _unit(q)


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the quaternions (n, 4) of the shortest turn from unit vectors a to b."""
    scalar = 1 + np.sum(a * b, axis=1, keepdims=True)
    return _unit(np.hstack([np.maximum(scalar, 1e-6), np.cross(a, b)]))


def turned(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return vectors v (n, 3) or (3,) turned by quaternions (n, 4)."""
    v = np.broadcast_to(v, (len(q), 3))
    t = 2 * np.cross(q[:, 1:], v)
    return v + q[:, :1] * t + np.cross(q[:, 1:], t)


def attitude(up: np.ndarray) -> np.ndarray:
    """Return quaternions (n, 4) from the sensor's frame to one with z up that never turns about z.

    An accelerometer cannot feel a turn about the vertical; none is assumed.
    """
    q = _between(up, np.vstack([[[0.0, 0.0, 1.0]], up[:-1]]))
    return running_product(q)


def surroundings(samples: np.ndarray, cord: Cord, heading_rad: float) -> Surroundings:
    """Return what the neck meets while the waist feels `samples` (n, 3) in milli-g.

    The wearer is taken to be upright in the first second. `heading_rad` is what the chest faces, about the trunk, from the
    side that was up when the trunk was tipped most: with 0 the wearer then lay on the back, with π on the belly.
    """
    up_there = gravity(samples / 1000)
    turn = attitude(up_there)
    trunk = _unit(up_there[:RATE_HZ].mean(axis=0))
    ahead = up_there[np.argmin(up_there @ trunk)] + 1e-6 * np.eye(3)[np.argmin(np.abs(trunk))]
    ahead = _unit(ahead - (ahead @ trunk) * trunk)
    ahead = math.cos(heading_rad) * ahead + math.sin(heading_rad) * np.cross(trunk, ahead)
    chest = turned(turn, math.cos(cord.lean_rad) * ahead + math.sin(cord.lean_rad) * trunk)
    upright = turned(turn, trunk)
    neck = TRUNK_M * upright
    swing = np.gradient(np.gradient(neck, axis=0), axis=0) * RATE_HZ**2 if len(neck) > 2 else 0 * neck
    rise = _smooth(np.clip((upright[:, 2:] - 0.3) / 0.4, 0, 1), GRAVITY_S)[:, 0]
    floor_m = cord.lying_m + STANDING_M * rise
    return Surroundings(turned(turn, samples * (G / 1000)) + swing, chest, floor_m)


# The pendant.


def _steps(path: np.ndarray) -> list[tuple[float, ...]]:
    """Return rows (n, k) as the tuples of every step between them, on straight lines."""
    at = np.arange(1, len(path) * STEPS + 1) / STEPS - 1
    rows = np.arange(len(path))
    return list(zip(*(np.interp(at, rows, c).tolist() for c in path.T), strict=True))


def hang(cord: Cord, around: Surroundings) -> Motion:
    """Return how the pendant on its cord moves, from rest under the first sample's force.

    Each step moves the two points freely, then puts back what the cord, the planes and the link do not allow, and takes the
    speed from where they came to lie, so nothing can blow up. What is felt is the mean over a sample.
    """
    n = len(around.force)
    chest = np.zeros((n, 3)) if around.chest is None else around.chest
    floor_m = np.full(n, np.inf) if around.floor_m is None else around.floor_m
    path = np.hstack([around.force, chest, np.minimum(floor_m, 1e6)[:, None]])
    settle = SETTLE_S * RATE_HZ
    path = np.vstack([np.repeat(path[:1], settle, axis=0), path])
    down, out = -_unit(path[0, :3]), path[0, 3:6]
    start = down + (0.1 - min(0.0, float(down @ out))) * out
    points = _fly(cord, _steps(path), start, around.chest is not None)
    eye, foot, speed, touches = points[:, 0:3], points[:, 3:6], points[:, 6:9], points[:, 9].astype(int)
    felt = np.diff(speed, axis=0, prepend=speed[:1]) * RATE_HZ + points[:, 10:13]
    return Motion(felt[settle:], ((eye + foot) / 2)[settle:], _unit(eye - foot)[settle:], touches[settle:])


def _fly(cord: Cord, steps: list[tuple[float, ...]], start: np.ndarray, has_chest: bool) -> np.ndarray:
    """Return (n, 13): the eye, the foot, the middle's speed, what is touched, the mean force the frame adds."""
    h = 1 / (RATE_HZ * STEPS)
    keep, length, link = 1 - cord.damping_per_s * h, cord.length_m, cord.pendant_m
    ahead, give, spring = -cord.chest_m, cord.give, cord.give**2 / 4
    ex, ey, ez = (start / np.linalg.norm(start) * length).tolist()
    bx, by, bz = ((1 + link / length) * v for v in (ex, ey, ez))
    ux = uy = uz = vx = vy = vz = mx = my = mz = 0.0
    touches, rows, left = 0, [], STEPS
    for fx, fy, fz, nx, ny, nz, floor in steps:
        if touches == 2:  # it lies: what shakes the neck does not shake the floor
            fx, fy, fz = 0.0, 0.0, G
        mx, my, mz = mx + fx, my + fy, mz + fz
        oex, oey, oez, obx, oby, obz = ex, ey, ez, bx, by, bz
        ux, uy, uz = keep * ux - fx * h, keep * uy - fy * h, keep * uz - fz * h
        vx, vy, vz = keep * vx - fx * h, keep * vy - fy * h, keep * vz - fz * h
        ex, ey, ez = ex + ux * h, ey + uy * h, ez + uz * h
        bx, by, bz = bx + vx * h, by + vy * h, bz + vz * h
        far = math.sqrt(ex * ex + ey * ey + ez * ez)
        if far > length:
            # What is in the way gives as cloth does: a spring, and a damper that lets nothing rebound.
            s = spring * (far - length) + give * (far - math.sqrt(oex * oex + oey * oey + oez * oez))
            s = max(0.0, min(s, far - length)) / far
            ex, ey, ez = ex - s * ex, ey - s * ey, ez - s * ez
        touches = 0
        if has_chest:
            deep = ahead - (nx * ex + ny * ey + nz * ez)
            if deep > 0:
                touches = 1
                ex, ey, ez = _pushed(ex, ey, ez, ex - oex, ey - oey, ez - oez, nx, ny, nz, deep, cord)
            deep = ahead - (nx * bx + ny * by + nz * bz)
            if deep > 0:
                touches = 1
                bx, by, bz = _pushed(bx, by, bz, bx - obx, by - oby, bz - obz, nx, ny, nz, deep, cord)
        if ez < -floor:
            touches = 2
            ex, ey, ez = _pushed(ex, ey, ez, ex - oex, ey - oey, ez - oez, 0.0, 0.0, 1.0, -floor - ez, cord)
        if bz < -floor:
            touches = 2
            bx, by, bz = _pushed(bx, by, bz, bx - obx, by - oby, bz - obz, 0.0, 0.0, 1.0, -floor - bz, cord)
        dx, dy, dz = bx - ex, by - ey, bz - ez
        s = 0.5 - 0.5 * link / math.sqrt(dx * dx + dy * dy + dz * dz + 1e-12)
        dx, dy, dz = dx * s, dy * s, dz * s
        ex, ey, ez, bx, by, bz = ex + dx, ey + dy, ez + dz, bx - dx, by - dy, bz - dz
        ux, uy, uz = (ex - oex) / h, (ey - oey) / h, (ez - oez) / h
        vx, vy, vz = (bx - obx) / h, (by - oby) / h, (bz - obz) / h
        left -= 1
        if not left:
            middle = ((ux + vx) / 2, (uy + vy) / 2, (uz + vz) / 2)
            rows.append((ex, ey, ez, bx, by, bz, *middle, touches, mx / STEPS, my / STEPS, mz / STEPS))
            mx = my = mz = 0.0
            left = STEPS
    return np.array(rows)


def _pushed(x, y, z, sx, sy, sz, nx, ny, nz, deep, cord):
    """Return a point put back out of a plane with normal n, as far as it gives; friction holds the slide (sx, sy, sz)."""
    off = sx * nx + sy * ny + sz * nz
    push = max(0.0, min(deep, cord.give * (cord.give / 4 * deep - off)))
    x, y, z = x + push * nx, y + push * ny, z + push * nz
    sx, sy, sz = sx - off * nx, sy - off * ny, sz - off * nz
    slide = math.sqrt(sx * sx + sy * sy + sz * sz)
    if slide > 1e-12:
        s = min(1.0, cord.friction * push / slide)
        return x - s * sx, y - s * sy, z - s * sz
    return x, y, z


def faces(cord: Cord, around: Surroundings, motion: Motion) -> np.ndarray:
    """Return where the pendant's face looks at every sample, (n, 3) unit vectors square to `motion.along`.

    Hanging, the two strands turn it outwards as a bifilar does, and its eccentric weight turns it back and forth; against
    the chest or the floor it comes to lie flat, on its back or on its face.
    """
    h = 1 / RATE_HZ
    chest = around.chest if around.chest is not None else np.tile([1.0, 0.0, 0.0], (len(motion.force), 1))
    chests, alongs = chest.tolist(), motion.along.tolist()
    forces, touches = motion.force.tolist(), motion.touches.tolist()
    zx, zy, zz = chests[0]
    turning, looks = 0.0, []
    for (nx, ny, nz), (yx, yy, yz), (fx, fy, fz), touch in zip(chests, alongs, forces, touches, strict=True):
        s = zx * yx + zy * yy + zz * yz
        zx, zy, zz = zx - s * yx, zy - s * yy, zz - s * yz
        s = math.sqrt(zx * zx + zy * zy + zz * zz)
        if s < 1e-6:  # it looked along its cord: any face square to it
            zx, zy, zz = (0.0, yz, -yy) if abs(yx) < 0.9 else (-yz, 0.0, yx)
            s = math.sqrt(zx * zx + zy * zy + zz * zz)
        zx, zy, zz = zx / s, zy / s, zz / s
        wx, wy, wz = yy * zz - yz * zy, yz * zx - yx * zz, yx * zy - yy * zx  # along × face
        if touch == 2:
            nx, ny, nz = 0.0, 0.0, 1.0
        out, side = nx * zx + ny * zy + nz * zz, nx * wx + ny * wy + nz * wz
        if touch:
            twist, drag = 400 * (out if abs(out) > 0.1 else math.copysign(0.1, out)) * side, 25.0
        else:
            pull = max(0.0, fx * yx + fy * yy + fz * yz) / G
            twist, drag = cord.facing_per_s2 * min(pull, 4.0) * side, 1.5
        twist += cord.eccentric_per_m * (fx * wx + fy * wy + fz * wz)
        turning = (turning + twist * h) * max(0.0, 1 - drag * h)
        turning = max(-30.0, min(30.0, turning))
        c, s = math.cos(turning * h), math.sin(turning * h)
        zx, zy, zz = c * zx + s * wx, c * zy + s * wy, c * zz + s * wz
        looks.append((zx, zy, zz))
    return np.array(looks)


def felt(motion: Motion, face: np.ndarray) -> np.ndarray:
    """Return what the pendant's sensor feels in its own axes, (n, 3) in g: x right, y to its eye, z out of its face."""
    right = _unit(np.cross(motion.along, face))
    axes = (right, motion.along, np.cross(right, motion.along))
    return np.stack([np.sum(motion.force * axis, axis=1) for axis in axes], axis=1) / G
