"""A small box that flies, strikes and rolls on a floor, a table or a bed, and what a sensor in it feels.

Each corner that is in the ground is pushed out by a spring with a damper and held by friction; nothing is pushed in the air.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

G = 9.81  # m/s²
RATE_HZ = 1000  # of what comes out
STEPS = 5  # of 0.2 ms, within one of those, while anything touches
HALF_M = np.array([0.016, 0.024, 0.007])  # a pendant, from its middle: across, to its eye, through
SENSOR_M = np.array([0.006, -0.010, 0.001])  # where on the board the accelerometer is
CORNERS = HALF_M * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
# Per kilogram, of a box of one density.
INERTIA = (HALF_M @ HALF_M - HALF_M**2) / 3
# The steps reckon with plain floats: for a handful of numbers numpy takes five times as long.
Floats = tuple[float, ...]
_CORNERS, _INERTIA, _SENSOR = CORNERS.tolist(), INERTIA.tolist(), SENSOR_M.tolist()


@dataclass(frozen=True, slots=True)
class Ground:
    """What is struck: how long a blow of the whole pendant lasts, the damper as a share of critical, friction."""

    blow_s: float
    damping: float
    friction: float


@dataclass(slots=True)
class State:
    """Where the box is and how it moves: m, m/s, a quaternion from its axes to the room's, rad/s in its own axes."""

    place: np.ndarray
    velocity: np.ndarray
    attitude: np.ndarray
    spin: np.ndarray


def _matrix(q: Sequence[float]) -> Floats:
    w, x, y, z = q
    return (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def matrix(q: np.ndarray) -> np.ndarray:
    """Return the turn of a unit quaternion, scalar first, as (3, 3): columns are the box's axes in the room."""
    return np.array(_matrix(q.tolist())).reshape(3, 3)


def above(height_m: float, velocity: np.ndarray, attitude: np.ndarray, spin: np.ndarray) -> State:
    """Return a box whose lowest corner is so far above the ground."""
    low = float((CORNERS @ matrix(attitude).T)[:, 2].min())
    return State(
        np.array([0.0, 0.0, height_m - low]),
        np.array(velocity, float),
        np.array(attitude),
        np.array(spin, float),
    )


def _pushed(s: State, turn: Floats, h: float, ground: Ground) -> tuple[float, ...]:
    """Return the ground's push (m/s²) and its torque (m²/s²) on the box, both in the room."""
    a, b, c, d, e, f, g, i, j = turn
    p, q, r = s.spin.tolist()
    wx, wy, wz = a * p + b * q + c * r, d * p + e * q + f * r, g * p + i * q + j * r
    (vx, vy, vz), high = s.velocity.tolist(), float(s.place[2])
    rate = math.pi / ground.blow_s / 2  # the four corners of a face share the blow
    fx = fy = fz = tx = ty = tz = 0.0
    for x, y, z in _CORNERS:
        rz = g * x + i * y + j * z
        deep = -(rz + high)
        if deep <= 0:
            continue
        rx, ry = a * x + b * y + c * z, d * x + e * y + f * z
        sx, sy, sz = vx + wy * rz - wz * ry, vy + wz * rx - wx * rz, vz + wx * ry - wy * rx
        push = max(0.0, rate * rate * deep - 2 * ground.damping * rate * sz)
        slide = math.sqrt(sx * sx + sy * sy) + 1e-9
        held = -min(ground.friction * push, 0.1 * slide / h) / slide
        px, py = held * sx, held * sy
        fx, fy, fz = fx + px, fy + py, fz + push
        tx, ty, tz = tx + ry * push - rz * py, ty + rz * px - rx * push, tz + rx * py - ry * px
    return fx, fy, fz, tx, ty, tz


def _step(s: State, h: float, ground: Ground | None) -> np.ndarray:
    """Move the state by h seconds; return what the sensor feels in the box's axes, m/s². No ground: nothing touches."""
    turn = _matrix(s.attitude.tolist())
    a, b, c, d, e, f, g, i, j = turn
    fx, fy, fz, tx, ty, tz = _pushed(s, turn, h, ground) if ground is not None else (0.0,) * 6
    p, q, r = s.spin.tolist()
    ix, iy, iz = _INERTIA
    dp = (a * tx + d * ty + g * tz - (iz - iy) * q * r) / ix
    dq = (b * tx + e * ty + i * tz - (ix - iz) * r * p) / iy
    dr = (c * tx + f * ty + j * tz - (iy - ix) * p * q) / iz
    x, y, z = _SENSOR
    ux, uy, uz = q * z - r * y, r * x - p * z, p * y - q * x
    felt = (
        a * fx + d * fy + g * fz + dq * z - dr * y + q * uz - r * uy,
        b * fx + e * fy + i * fz + dr * x - dp * z + r * ux - p * uz,
        c * fx + f * fy + j * fz + dp * y - dq * x + p * uy - q * ux,
    )
    s.velocity = s.velocity + np.array((h * fx, h * fy, h * (fz - G)))
    s.place = s.place + h * s.velocity
    p, q, r = p + h * dp, q + h * dq, r + h * dr
    s.spin = np.array((p, q, r))
    w, x, y, z = s.attitude.tolist()
    k = 0.5 * h
    w, x, y, z = (
        w - k * (x * p + y * q + z * r),
        x + k * (w * p + y * r - z * q),
        y + k * (w * q + z * p - x * r),
        z + k * (w * r + x * q - y * p),
    )
    k = 1 / math.sqrt(w * w + x * x + y * y + z * z)
    s.attitude = np.array((k * w, k * x, k * y, k * z))
    return np.array(felt)


def fly(state: State, ground: Ground, limit_s: float = 6.0) -> np.ndarray:
    """Let the box go until it rests, or the limit; return what its sensor feels, (n, 3) m/s² at 1 kHz, in its own axes.

    The state is left as the box comes to lie.
    """
    felt, quiet = [], 0
    reach = float(np.linalg.norm(HALF_M))
    while len(felt) < limit_s * RATE_HZ and quiet < 0.1 * RATE_HZ:
        fall = abs(state.velocity[2]) + float(np.linalg.norm(state.spin)) * reach
        low = state.place[2] + float((CORNERS @ matrix(state.attitude).T)[:, 2].min())
        if low > 2 * fall / RATE_HZ + 1e-4:
            felt.append(_step(state, 1 / RATE_HZ, None))
            continue
        h = 1 / (RATE_HZ * STEPS)
        felt.append(np.mean([_step(state, h, ground) for _ in range(STEPS)], axis=0))
        still = float(state.velocity @ state.velocity) < 1e-4 and float(state.spin @ state.spin) < 0.02
        quiet = quiet + 1 if still and low < 0 else 0
    return np.array(felt)
