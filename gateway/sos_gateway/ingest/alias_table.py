"""The alias table of a large fleet: sorted arrays, built by another process, read through the page cache.

Key: 40 bits of alias, 1 of mode, 23 of index relative to the build's base. Value: the device's row. 12 bytes
an entry; a dictionary would take ten times as much.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE, Keys

_OFFSET_BITS = 23
_LOW_BITS = _OFFSET_BITS + 1
_FILES = ("keys", "rows", "numbers", "recovery")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the builder needs of one device: alias key, the counters to build, per row."""

    number: int
    keys: Keys
    epochs: range
    recovery: range


def build(fleet: Iterable[Fleet], base_epoch: int, folder: Path) -> int:
    """Write the table for a fleet into a folder, complete or not at all; return the number of entries."""
    keys: list[int] = []
    rows: list[int] = []
    numbers: list[int] = []
    bases: list[int] = []
    for row, device in enumerate(fleet):
        numbers.append(device.number)
        bases.append(device.recovery.start)
        alias = device.keys.alias
        for index in device.epochs:
            keys.append(_key(alias(CLOCK_MODE, index), CLOCK_MODE, index - base_epoch))
            rows.append(row)
        for index in device.recovery:
            keys.append(_key(alias(RECOVERY_MODE, index), RECOVERY_MODE, index - device.recovery.start))
            rows.append(row)
    key_array = np.array(keys, dtype=np.uint64)
    order = np.argsort(key_array, kind="stable")
    arrays: dict[str, Any] = {
        "keys": key_array[order],
        "rows": np.array(rows, dtype=np.uint32)[order],
        "numbers": np.array(numbers, dtype=np.uint32),
        "recovery": np.array(bases, dtype=np.uint32),
    }
    _write(folder, base_epoch, arrays)
    return len(keys)


def _write(folder: Path, base_epoch: int, arrays: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"aliases-{base_epoch}-{os.getpid()}"
    for part, array in arrays.items():
        np.save(folder / f"{name}.{part}.npy", array)
    pointer = folder / "current.new"
    pointer.write_text(f"{name} {base_epoch}")
    pointer.replace(folder / "current")  # readers see the old table or the new one


def _key(alias: bytes, mode: int, offset: int) -> int:
    # Offsets of clock periods may be negative; half the range is theirs.
    return (
        int.from_bytes(alias, "big") << _LOW_BITS
        | mode << _OFFSET_BITS
        | (offset + (1 << (_OFFSET_BITS - 1)))
    )


class AliasTable:
    """One built table: a look-up costs a binary search, whatever the size of the fleet."""

    def __init__(self, folder: Path, device_of: Callable[[int], Any]) -> None:
        self.name, base = (folder / "current").read_text().split()
        self._base = int(base)
        parts = {part: np.load(folder / f"{self.name}.{part}.npy", mmap_mode="r") for part in _FILES}
        self._keys = np.asarray(parts["keys"])
        self._rows = np.asarray(parts["rows"])
        self._numbers = np.asarray(parts["numbers"])
        self._recovery = np.asarray(parts["recovery"])
        self._device_of = device_of

    def __len__(self) -> int:
        return len(self._keys)

    def device(self, number: int) -> Any:
        """Return what is known of a device: derived on demand and kept by the caller's cache."""
        return self._device_of(number)

    def candidates(self, alias: bytes) -> list[tuple[int, int, int]]:
        """Return [(device number, mode, index)] that share the alias; the tag decides between them."""
        low = int.from_bytes(alias, "big") << _LOW_BITS
        position = int(self._keys.searchsorted(np.uint64(low)))
        found = []
        while position < len(self._keys):
            key = int(self._keys[position])
            if key >> _LOW_BITS != low >> _LOW_BITS:
                break
            row = int(self._rows[position])
            mode = key >> _OFFSET_BITS & 1
            offset = (key & ((1 << _OFFSET_BITS) - 1)) - (1 << (_OFFSET_BITS - 1))
            base = self._base if mode == CLOCK_MODE else int(self._recovery[row])
            found.append((int(self._numbers[row]), mode, base + offset))
            position += 1
        return found


def newest(folder: Path) -> str | None:
    """Return the name of the current table, to see cheaply whether there is a newer one."""
    try:
        return (folder / "current").read_text().split()[0]
    except FileNotFoundError:
        return None


def remove_old(folder: Path, keep: str, now: datetime) -> None:
    """Remove tables that nobody maps any more."""
    for path in folder.glob("aliases-*.npy"):
        if not path.name.startswith(keep):
            path.unlink(missing_ok=True)
