"""The alias table of a large fleet: sorted arrays in files, written by the builder, mapped by every gateway process.

One 8-byte entry for every alias a device may be using: 40 bits of alias, 24 of its row; beside it 2 bytes that
tell mode and index. One binary search finds all candidates. A row holds a device's number, times and *wrapped*
secret, so that opening a frame needs the key file and this table, and no database.
"""

import contextlib
import json
import mmap
import os
import secrets as random
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sos_wire.seal import CLOCK_MODE

from ..errors import ConfigError
from ..keys.wrapping import WRAPPED_BYTES

ROW_BITS = 24
MOST_DEVICES = 1 << ROW_BITS
# A slot: the highest bit is the mode, the rest an index relative to the table's period or the row's counter.
_MODE_BIT = 15
_ZERO = 1 << 14
_FORMAT = 2
_COLUMNS = ("numbers", "secrets", "clock_set", "heard", "recovery")
_PARTS = ("entries", "slots", "starts", *_COLUMNS)
_ALIAS_BITS = 40
_ENTRIES_A_BUCKET = 4


@dataclass(frozen=True, slots=True)
class Description:
    """What the pointer file says of the current table."""

    name: str
    whose: str  # marks database and key file: a folder shared by mistake is not believed
    epoch: int  # the period it was built in
    last_epoch: int  # the last period every device is in
    read_at: int  # the database's clock, in Unix seconds, when the devices were read
    format: int = _FORMAT


@dataclass(slots=True)
class Rows:
    """Devices in the order of their numbers; times in Unix seconds, 0: never."""

    numbers: Any  # uint32
    secrets: Any  # uint8, one wrapped secret a row
    clock_set: Any  # uint32
    heard: Any  # uint32
    recovery: Any  # uint32, the newest counter used

    def __len__(self) -> int:
        return len(self.numbers)


def slots_of(mode: int, offsets: Any) -> Any:
    """Return the slots of an array of relative indexes."""
    return (np.asarray(offsets, dtype=np.int64) + _ZERO | mode << _MODE_BIT).astype(np.uint16)


def write(folder: Path, about: dict[str, Any], entries: Any, slots: Any, rows: Rows) -> Description:
    """Write a table beside the current one and make it current: readers see the old or the new, never a part."""
    order = np.argsort(entries)
    description = Description(name=f"table-{random.token_hex(6)}", **about)
    entries = entries[order]
    parts = {"entries": entries, "slots": slots[order], "starts": _starts(entries)}
    parts |= {column: getattr(rows, column) for column in _COLUMNS}
    for part, array in parts.items():
        np.save(folder / f"{description.name}.{part}.npy", array)
    pointer = folder / "current.new"
    pointer.write_text(json.dumps(asdict(description)))
    pointer.replace(folder / "current")
    _remove_others(folder, description.name)
    return description


def _starts(entries: Any) -> Any:
    """Return, for every value of the alias's leading bits, where its entries begin; a power of two of them."""
    bits = max(1, (len(entries) // _ENTRIES_A_BUCKET).bit_length())
    buckets = (entries >> np.uint64(_ALIAS_BITS + ROW_BITS - bits)).astype(np.int64)
    counts = np.bincount(buckets, minlength=1 << bits)
    return (np.cumsum(counts) - counts).astype(np.uint32)


def _remove_others(folder: Path, keep: str) -> None:
    """Remove earlier tables and what a killed builder left; who has one mapped keeps it until he lets go."""
    for path in folder.glob("table-*.npy"):
        if not path.name.startswith(keep):
            path.unlink(missing_ok=True)


def own_folder(folder: Path) -> Path:
    """Make the folder, or refuse one that others could read or fill: it holds what the database's secrets hold."""
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        about = folder.lstat()
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be made ({error.strerror}): set SOCORS_ALIAS_FOLDER to one that can."
        ) from None
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise ConfigError(
            f"{folder} is not a folder of this user's alone: run chmod 700 on it, or set SOCORS_ALIAS_FOLDER."
        )
    return folder


def describe(folder: Path, whose: str) -> Description | None:
    """Return what is current in a folder, or None: nothing, another database's, or written by another version."""
    try:
        description = Description(**json.loads((folder / "current").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    ours = description.whose == whose and description.format == _FORMAT
    return description if ours else None


class AliasTable:
    """One table, mapped. Look-ups cost a binary search, whatever the size of the fleet."""

    def __init__(self, folder: Path, description: Description) -> None:
        self.about = description
        parts = {
            part: np.load(folder / f"{description.name}.{part}.npy", mmap_mode="r").view(np.ndarray)
            for part in _PARTS
        }
        self._parts = list(parts.values())
        self.rows = Rows(**{column: parts[column] for column in _COLUMNS})
        # Read element by element a memoryview is several times as quick as an array.
        self._entry, self._slot = memoryview(parts["entries"]), memoryview(parts["slots"])
        self._number, self._base = memoryview(self.rows.numbers), memoryview(self.rows.recovery)
        self._secret = memoryview(self.rows.secrets.reshape(-1))
        self._start = memoryview(parts["starts"])
        self._shift = _ALIAS_BITS + 1 - len(parts["starts"]).bit_length()

    def __len__(self) -> int:
        return len(self._entry)

    def touch(self) -> None:
        """Bring every page in, so that no frame waits for one. Runs without Python's lock, in a thread."""
        for array in self._parts:
            array.reshape(-1).view(np.uint8)[:: mmap.PAGESIZE].max(initial=0)

    def candidates(self, alias: bytes) -> list[tuple[int, int, int]]:
        """Return [(row, mode, index)] that share the alias; the tag decides between them."""
        wanted = int.from_bytes(alias, "big")
        low = wanted << ROW_BITS
        beyond = low + MOST_DEVICES
        found = []
        for position in range(self._start[wanted >> self._shift], len(self._entry)):
            entry = self._entry[position]
            if entry >= beyond:
                break
            if entry < low:
                continue
            row, slot = entry - low, self._slot[position]
            mode = slot >> _MODE_BIT
            base = self.about.epoch if mode == CLOCK_MODE else self._base[row]
            found.append((row, mode, base + (slot & (1 << _MODE_BIT) - 1) - _ZERO))
        return found

    def number(self, row: int) -> int:
        return self._number[row]

    def wrapped(self, row: int) -> bytes:
        return bytes(self._secret[row * WRAPPED_BYTES : (row + 1) * WRAPPED_BYTES])

    def row_of(self, number: int) -> int | None:
        """Return the row of a device, or None."""
        row = int(self.rows.numbers.searchsorted(np.uint32(number)))
        return row if row < len(self.rows) and self._number[row] == number else None


def load(folder: Path, whose: str) -> AliasTable | None:
    """Map the current table; None where there is none that can be used."""
    description = describe(folder, whose)
    with contextlib.suppress(OSError, ValueError, EOFError):  # torn by a power cut, or replaced just now
        return AliasTable(folder, description) if description else None
    return None
