"""What the fall detector costs a board, estimated before one was measured: `python -m simulator.falls.cost`.

The bytecodes are counted, exactly (bytecode.py). Cycles for each are an estimate from others' boards, so times and shares
of the processor are estimates, and marked so; a board measures them with `import selftest; selftest.run()`.
"""

import argparse
import os
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..world import body, firmware
from .bytecode import Machine, compiled

CORE_HZ = 160_000_000
RATE_HZ = body.RATE_HZ
# Estimated. A pyboard's loop of 9 bytecodes runs 2,890,723 times in 10 s at 168 MHz (MicroPython wiki, Performance): 65
# cycles each. An ESP32 at its 160 MHz makes 1,166 pystones where the pyboard makes 1,848 (micropython #6565, #4858):
# 65 * 1848 / 1166 * 160 / 168 = 98, from flash over its cache.
CYCLES_PER_BYTECODE = 100
POSITIONS = ("trunk", "wrist")
TRIGGER_PERCENT, WHOLE_PERCENT = 2, 20  # what issue and self-test allow
_MODULES = "app.worn, app.waking, tasks.motion, drivers.lsm6dsox"


@dataclass
class Cost:
    """Bytecodes a sample."""

    reading: int  # the driver and the task for each sample, every branch taken: at most
    waking: float
    still: float  # the detector while nothing happens
    moving: float  # ... while she walks and runs
    second: float  # ... in the dearest second of all that was fed, a fall among it
    dearest: int  # ... at the dearest sample

    @property
    def trigger(self) -> float:
        """The first stage: what decides about sleep, and the detector while no blow is looked at."""
        return self.waking + self.still

    @property
    def whole(self) -> float:
        """Everything for each sample, in the dearest second."""
        return self.reading + self.waking + self.second


def percent(bytecodes: float) -> float:
    """Return the share of the processor that so many bytecodes take 50 times a second. Estimated."""
    return bytecodes * CYCLES_PER_BYTECODE * RATE_HZ / CORE_HZ * 100


def milliseconds(bytecodes: float) -> float:
    """Return how long so many bytecodes take. Estimated."""
    return bytecodes * CYCLES_PER_BYTECODE / CORE_HZ * 1000


def _fed(machine: Machine, feed: Any, samples: Iterable[Sequence[int]]) -> np.ndarray:
    """Return the bytecodes of each sample."""
    counts = []
    for sample in samples:
        before = machine.count
        machine.call(feed, *sample)
        counts.append(machine.count - before)
    return np.array(counts)


def counted(position: str, seed: int = 1) -> Cost:
    """Count what made-up seconds of hanging still, walking, running and a fall take at a position."""
    sys.path.insert(0, str(firmware.SOURCE))
    try:
        from app import waking, worn
    finally:
        sys.path.remove(str(firmware.SOURCE))
    blocks = compiled(_MODULES)
    machine, noise = Machine(blocks), random.Random(seed)
    detector = worn.detector(position)
    still = _fed(machine, detector.feed, [body.gravity(5)] * (10 * RATE_HZ))
    moving = _fed(machine, detector.feed, [*body.walk(noise), *body.run(noise, 20)])
    falling = _fed(machine, detector.feed, body.fall(noise))
    every = np.concatenate((still, moving, falling))
    sleep = _fed(machine, waking.Waking().feed, body.run(noise, 20))
    seconds = np.convolve(
        every[1:], np.ones(RATE_HZ) / RATE_HZ, "valid"
    )  # the first sample fills the detector
    return Cost(
        _at_most(blocks), sleep.mean(), still[1:].mean(), moving.mean(), seconds.max(), int(every[1:].max())
    )


def _at_most(blocks: dict[str, Any]) -> int:
    """Bytecodes of driver and task for one sample, were every one executed: neither has a loop within a sample."""
    sizes = {(os.path.basename(block.file), block.name): len(block.operations) for block in blocks.values()}
    driver, task = "lsm6dsox.py", "motion.py"
    return (
        sizes[driver, "read_fifo"]
        + sizes[driver, "_pass_on"]
        + 3 * sizes[driver, "_milli_g"]
        + sizes[task, "_feed"]
    )


def lines(position: str, cost: Cost) -> list[str]:
    """Return the lines to print of a position."""
    rows = (
        ("reading a sample, at most", cost.reading),
        ("whether to sleep again", cost.waking),
        ("detector, nothing happens", cost.still),
        ("detector, walking and running", cost.moving),
        ("detector, dearest second", cost.second),
    )
    table = [
        f"  {label:32}{count:10.0f}{milliseconds(count):12.3f}{percent(count):12.2f}" for label, count in rows
    ]
    return [
        f"{position + ':':34}{'bytecodes':>10}{'ms, est.':>12}{'%, est.':>12}",
        *table,
        f"  trigger stage: {percent(cost.trigger):.1f} % of a 160 MHz core, estimated (at most {TRIGGER_PERCENT})",
        f"  whole, in the dearest second: {percent(cost.whole):.1f} %, estimated (at most {WHOLE_PERCENT})",
        f"  the dearest sample: {cost.dearest} bytecodes, {milliseconds(cost.dearest):.1f} ms at a stretch, estimated",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator.falls.cost", description=__doc__)
    parser.add_argument("--position", choices=POSITIONS)
    chosen = parser.parse_args().position
    print(
        f"Bytecodes a sample at {RATE_HZ} Hz, counted; {CYCLES_PER_BYTECODE} cycles for each are an estimate: no board was "
        "measured (on one: import selftest; selftest.run())."
    )
    for position in [chosen] if chosen else POSITIONS:
        print("\n".join(lines(position, counted(position))))


if __name__ == "__main__":
    main()
