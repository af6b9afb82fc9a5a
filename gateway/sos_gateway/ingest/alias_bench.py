"""What a frame costs to resolve and unseal, with few devices and with many, measured side by side."""

import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
from sos_wire import frame as wire
from sos_wire import kinds
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE, Keys

from ..keys.wrapping import WRAPPED_BYTES, Wrapper
from . import alias_table
from .alias_builder import Builder
from .alias_table import Rows
from .aliases import Resolver
from .hashing import Progress

# The rounds of all sizes take turns, so that what else the machine does falls on all alike.
ROUNDS = 20
WHOSE = "bench"


@dataclass(slots=True)
class Fleet:
    """Random devices with their table, and frames some of them have sealed."""

    size: int
    resolver: Resolver
    secrets: np.ndarray
    build_s: float
    entries: int
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    rounds_us: list[float] = field(default_factory=list)

    @property
    def frame_us(self) -> float:
        return median(self.rounds_us)


def random_rows(size: int, wrapper: Wrapper, first: int = 1) -> tuple[Rows, np.ndarray]:
    """Return (rows, secrets) of devices nobody has, never heard, numbered from `first`."""
    secrets = np.frombuffer(os.urandom(size * 32), np.uint8).reshape(-1, 32)
    wrapped = b"".join(wrapper.wrap(first + i, secrets[i].tobytes()) for i in range(size))
    none = np.zeros(size, np.uint32)
    rows = Rows(
        numbers=np.arange(first, first + size, dtype=np.uint32),
        secrets=np.frombuffer(wrapped, np.uint8).reshape(-1, WRAPPED_BYTES),
        clock_set=none,
        heard=none,
        recovery=none,
    )
    return rows, secrets


def make_fleet(
    size: int, folder: Path, now: datetime, processes: int = 1, progress: Progress | None = None
) -> Fleet:
    """Build the table of a random fleet and map it."""
    wrapper = Wrapper(os.urandom(32))
    rows, secrets = random_rows(size, wrapper)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    now_s = int(now.timestamp())
    Builder(folder, wrapper, WHOSE, processes).build(rows, now_s, now_s, progress=progress)
    build_s = time.monotonic() - began
    table = alias_table.load(folder, WHOSE)
    assert table
    resolver = Resolver(wrapper.unwrap)
    resolver.use(resolver.prepared(table))
    return Fleet(size, resolver, secrets, build_s, len(table))


def seal_frames(fleet: Fleet, count: int, now: datetime, draw: random.Random) -> None:
    """Let random devices seal heartbeats: nine in ten under the clock's alias, one under its recovery counter.

    The counter stands still: that one has moved is noted once for a device, which would burden the fleet whose
    devices come up once each and not the small one.
    """
    period = int(now.timestamp()) // kinds.ALIAS_PERIOD_S
    for n in range(count):
        row = draw.randrange(fleet.size)
        keys = Keys(fleet.secrets[row].tobytes())
        mode, index = (CLOCK_MODE, period + draw.choice((-1, 0, 0, 0, 1))) if n % 10 else (RECOVERY_MODE, 0)
        alias = keys.alias(mode, index)
        body = wire.encode_short(wire.short(1, n % 65_535 + 1, kinds.HEARTBEAT))
        fleet.frames.append((row + 1, keys.seal_up(alias, kinds.FORM_SHORT, body)))


def run(sizes: list[int], frames: int, processes: int, say: Callable[[str], None]) -> float:
    """Measure and print; return the ratio of the dearest frame to the cheapest."""
    now, draw = datetime.now(UTC), random.Random(1)
    with tempfile.TemporaryDirectory(prefix="socors-bench-") as folder:
        fleets = []
        for size in sizes:
            fleet = make_fleet(size, Path(folder) / str(size), now, processes)
            seal_frames(fleet, frames, now, draw)
            say(f"{size:>9,} devices: table of {fleet.entries:,} entries built in {fleet.build_s:.1f} s")
            fleets.append(fleet)
        _measure(fleets, frames, now)
    for fleet in fleets:
        spread = f"{min(fleet.rounds_us):.2f} to {max(fleet.rounds_us):.2f}"
        say(f"{fleet.size:>9,} devices: {fleet.frame_us:.2f} µs a frame (rounds from {spread})")
    ratio = max(f.frame_us for f in fleets) / min(f.frame_us for f in fleets)
    say(f"ratio {ratio:.2f} over {frames:,} frames of each fleet, looked up and unsealed")
    return ratio


def _measure(fleets: list[Fleet], frames: int, now: datetime) -> None:
    share = max(1, frames // ROUNDS)
    for start in range(0, frames, share):
        for fleet in fleets:
            part = fleet.frames[start : start + share]
            opened = fleet.resolver.open
            began = time.process_time()  # of one core: what else the machine does is not our cost
            found = [opened(frame, now) for _, frame in part]
            fleet.rounds_us.append((time.process_time() - began) / len(part) * 1e6)
            wrong = [1 for (number, _), o in zip(part, found, strict=True) if o is None or o.device != number]
            assert not wrong, f"{len(wrong)} frames were not given to the device that sealed them"
