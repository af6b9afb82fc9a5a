"""Streams through the firmware's detector in real MicroPython: what it decides, and what it measured of every blow."""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..world.firmware import ROOT, SOURCE, interpreter

POSITIONS = ("trunk", "wrist")
WORKERS = 2
VALUES = 118  # fall_features.COUNT
WINDOW = np.dtype([("decided", "<i4"), ("blow", "<i4"), ("score", "<i4"), ("values", "<i2", (VALUES,))])
_SCRIPT = ROOT / "simulator" / "fakes" / "_replay.py"


def played(samples: bytes, position: str, what: str = "alarms", tables: Path | None = None) -> bytes:
    """Return what the firmware says of little-endian int16 triples, milli-g at 50 Hz: lines of indices, or WINDOWs.

    `tables` is a folder whose fall_trunk.py or fall_wrist.py is used in place of the firmware's.
    Raises CalledProcessError where the firmware fails.
    """
    folders = [_SCRIPT.parent, SOURCE, SOURCE / "lib"]
    return subprocess.run(
        [
            interpreter(),
            "-X",
            "heapsize=2m",
            str(_SCRIPT),
            position,
            what,
            *([str(tables)] if tables else []),
        ],
        input=samples,
        env={"MICROPYPATH": ":".join([*map(str, folders), ".frozen"])},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def alarms(streams: Sequence[np.ndarray], position: str, tables: Path | None = None) -> list[list[int]]:
    """Return for each (n, 3) int16 stream, milli-g at 50 Hz, the indices of the samples at which a fall was decided."""

    def one(stream: np.ndarray) -> list[int]:
        return [
            int(line) for line in played(stream.astype("<i2").tobytes(), position, "alarms", tables).split()
        ]

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, streams))


def windows(stream: np.ndarray, position: str, tables: Path | None = None) -> np.ndarray:
    """Return every window that the firmware judged of an (n, 3) int16 stream, as WINDOW: the features are its own."""
    return np.frombuffer(played(stream.astype("<i2").tobytes(), position, "windows", tables), WINDOW)
