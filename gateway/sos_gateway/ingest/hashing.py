"""Aliases by the million: the same bytes as `Keys.alias`, in bulk and, where it pays, on every core."""

import hashlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from sos_wire import kinds
from sos_wire.seal import CLOCK_MODE, alias_message

KEY_BYTES = 32
# A piece is some 50 ms of work: progress is shown, and a stop is heeded, so often.
PIECE = 50_000
# Below this, starting other processes costs more than they save.
WORTH_PROCESSES = 400_000

Progress = Callable[[int, int], None]
Job = tuple[bytes, bytes, bytes]


def _pads(keys: Any) -> tuple[bytes, bytes]:
    """Return the keys of HMAC's inner and outer hash, 64 bytes a device."""
    padded = np.zeros((len(keys), 64), np.uint8)
    padded[:, :KEY_BYTES] = keys
    return (padded ^ 0x36).tobytes(), (padded ^ 0x5C).tobytes()


def _piece(job: Job) -> bytes:
    """Hash one piece. For each item: which of the piece's keys, and which message."""
    keys, which, messages = job
    inner, outer = _pads(np.frombuffer(keys, np.uint8).reshape(-1, KEY_BYTES))
    sha = hashlib.sha256
    starts = (np.frombuffer(which, np.uint32).astype(np.int64) * 64).tolist()
    words = [messages[i : i + 5] for i in range(0, len(messages), 5)]
    return b"".join(
        [
            sha(outer[o : o + 64] + sha(inner[o : o + 64] + m).digest()).digest()[: kinds.ALIAS_BYTES]
            for o, m in zip(starts, words, strict=True)
        ]
    )


def _job(keys: Any, rows: Any, mode: int, indexes: Any) -> Job:
    own, which = (rows, np.arange(len(rows))) if mode == CLOCK_MODE else np.unique(rows, return_inverse=True)
    wanted, nth = np.unique(indexes, return_inverse=True)
    messages = np.frombuffer(b"".join(alias_message(mode, int(i)) for i in wanted), np.uint8).reshape(-1, 5)
    return keys[own].tobytes(), which.astype(np.uint32).tobytes(), messages[nth].tobytes()


def _numbers(aliases: bytes) -> Any:
    """Return 5-byte aliases as uint64."""
    wide = np.zeros((len(aliases) // 5, 8), np.uint8)
    wide[:, 3:] = np.frombuffer(aliases, np.uint8).reshape(-1, 5)
    return wide.reshape(-1).view(">u8").astype(np.uint64)


def aliases(
    keys: Any, rows: Any, mode: int, indexes: Any, processes: int = 1, progress: Progress | None = None
) -> Any:
    """Return the alias, as a uint64, of each (rows[i], indexes[i]); keys holds the 32-byte alias key of every row."""
    total = len(rows)
    jobs = (
        _job(keys, rows[start : start + PIECE], mode, indexes[start : start + PIECE])
        for start in range(0, total, PIECE)
    )
    found: list[bytes] = []
    done = 0

    def take(part: bytes) -> None:
        nonlocal done
        found.append(part)
        done += len(part) // 5
        if progress:
            progress(done, total)

    if processes > 1 and total >= WORTH_PROCESSES:
        # spawn: a fork would carry the database connection and every lock of this process along.
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for part in pool.map(_piece, jobs):
                take(part)
    else:
        for job in jobs:
            take(_piece(job))
    return _numbers(b"".join(found))
