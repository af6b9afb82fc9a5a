"""Builds the alias table: reads the devices, unwraps their secrets, and hashes only what the last table lacked.

It runs in a process of its own, for small hashes hold Python's lock: in the alarm process a million of them
would stand before an alarm. Of secrets it keeps the alias keys alone, and writes none of them down.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from sos_wire import kinds
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE, alias_key

from ..errors import ConfigError, SocorsError
from ..keys.wrapping import WRAPPED_BYTES, Wrapper
from . import alias_table, hashing, windows
from .alias_table import Description, Rows
from .hashing import KEY_BYTES, Progress

# Rows of fixed length in PostgreSQL's binary format are read as one array: a million take less than a second.
_READ = f"""COPY (SELECT number, secret,
    COALESCE(extract(epoch FROM clock_set_at), 0)::bigint, COALESCE(extract(epoch FROM last_heard_at), 0)::bigint,
    recovery_index FROM device WHERE revoked_at IS NULL AND length(secret) = {WRAPPED_BYTES} ORDER BY number)
    TO STDOUT (FORMAT binary)"""
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        *(("l0", ">i4"), ("number", ">i4")),
        *(("l1", ">i4"), ("secret", "u1", WRAPPED_BYTES)),
        *(("l2", ">i4"), ("clock_set", ">i8")),
        *(("l3", ">i4"), ("heard", ">i8")),
        *(("l4", ">i4"), ("recovery", ">i8")),
    ]
)
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
_UNKNOWN = np.uint64(2**64 - 1)  # no alias has so many bits

Found = tuple[int, int, int]  # device number, mode, index


def read_devices(connection: psycopg.Connection) -> tuple[Rows, int]:
    """Return the devices in use, and the database's clock when they were read."""
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::bigint").fetchone()
    assert row
    with connection.cursor() as cursor, cursor.copy(_READ.encode()) as copy:
        raw = b"".join(copy)
    if (len(raw) - _HEADER_BYTES - _TRAILER_BYTES) % _ROW.itemsize:
        raise SocorsError(
            "The database's rows of devices have an unexpected length: is it PostgreSQL 13 or newer?"
        )
    table = np.frombuffer(raw[_HEADER_BYTES:-_TRAILER_BYTES], _ROW)
    if len(table) > alias_table.MOST_DEVICES:
        raise SocorsError(
            f"There are more than {alias_table.MOST_DEVICES} devices: use a database per region."
        )
    times = {name: np.clip(table[name], 0, 2**32 - 1).astype(np.uint32) for name in ("clock_set", "heard")}
    return (
        Rows(
            numbers=table["number"].astype(np.uint32),
            secrets=np.ascontiguousarray(table["secret"]),
            recovery=np.clip(table["recovery"], 0, 2**32 - 1).astype(np.uint32),
            **times,
        ),
        row[0],
    )


def _spread(firsts: Any, counts: Any) -> tuple[Any, Any]:
    """Return (which, value) of the ranges first, first + 1 … of so many each."""
    which = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    within = np.arange(len(which), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    return which, np.asarray(firsts, dtype=np.int64)[which] + within


@dataclass(slots=True)
class _Loose:
    """Aliases that only some devices need, sorted by (row, index)."""

    codes: Any = field(default_factory=lambda: np.empty(0, np.uint64))
    aliases: Any = field(default_factory=lambda: np.empty(0, np.uint64))

    @staticmethod
    def code(rows: Any, indexes: Any) -> Any:
        return rows.astype(np.uint64) << np.uint64(32) | indexes.astype(np.uint64)

    @property
    def rows(self) -> Any:
        return (self.codes >> np.uint64(32)).astype(np.int64)

    @property
    def indexes(self) -> Any:
        return (self.codes & np.uint64(2**32 - 1)).astype(np.int64)

    def known(self, codes: Any) -> Any:
        """Return the aliases of codes, those not here as _UNKNOWN."""
        if np.array_equal(codes, self.codes):
            return self.aliases
        found = np.full(len(codes), _UNKNOWN)
        if len(self.codes):
            at = np.minimum(self.codes.searchsorted(codes), len(self.codes) - 1)
            here = self.codes[at] == codes
            found[here] = self.aliases[at[here]]
        return found

    def moved(self, new_row: Any) -> "_Loose":
        """The same after devices came and went: new_row[old row] is the new one, or -1. Order is by number: it stays."""
        rows = new_row[self.rows]
        kept = rows >= 0
        return _Loose(self.code(rows[kept], self.indexes[kept]), self.aliases[kept])


class Builder:
    """Keeps what it has hashed, so that the next table costs one new period and what is new."""

    def __init__(self, folder: Path, wrapper: Wrapper, whose: str, processes: int = 1) -> None:
        self._folder = folder
        self._wrapper = wrapper
        self._whose = whose
        self._processes = processes
        nothing = np.empty(0, np.uint32)
        self.rows = Rows(nothing, np.empty((0, WRAPPED_BYTES), np.uint8), nothing, nothing, nothing)
        self.keys = np.empty((0, KEY_BYTES), np.uint8)
        self._epochs: dict[int, Any] = {}
        self._loose = {CLOCK_MODE: _Loose(), RECOVERY_MODE: _Loose()}
        self.unopened = 0  # devices whose secret does not open with the key file

    def build(
        self,
        rows: Rows,
        read_at: int,
        now_s: int,
        found: Iterable[Found] = (),
        progress: Progress | None = None,
    ) -> Description:
        """Write the table of these devices for now; `found` are aliases beyond it that a search has met."""
        self._adopt(rows)
        epoch = now_s // kinds.ALIAS_PERIOD_S
        self._hash_epochs(range(epoch - windows.PAST_EPOCHS, epoch + 2), progress)
        extra = list(found)
        self._hash_loose(CLOCK_MODE, *self._wide(epoch, now_s, extra), progress)
        self._hash_loose(RECOVERY_MODE, *self._counters(now_s, extra), progress)
        entries, slots = self._entries(epoch)
        about = {"whose": self._whose, "epoch": epoch, "last_epoch": epoch + 1, "read_at": read_at}
        return alias_table.write(self._folder, about, entries, slots, self.rows)

    def is_new(self, rows: Rows) -> bool:
        """Whether devices came, went or got new secrets since the last table."""
        return not (
            np.array_equal(rows.numbers, self.rows.numbers)
            and np.array_equal(rows.secrets, self.rows.secrets)
        )

    # What is already hashed is carried over to the new order of rows.

    def _adopt(self, rows: Rows) -> None:
        if not self.is_new(rows):
            self.rows = rows
            return
        old = self.rows
        at = rows.numbers.searchsorted(old.numbers)
        inside = np.minimum(at, max(len(rows) - 1, 0))
        same = np.zeros(len(old), bool)
        if len(rows) and len(old):
            same = (rows.numbers[inside] == old.numbers) & (rows.secrets[inside] == old.secrets).all(axis=1)
        new_row = np.where(same, at, -1)
        keys = np.zeros((len(rows), KEY_BYTES), np.uint8)
        keys[new_row[same]] = self.keys[same]
        fresh = np.ones(len(rows), bool)
        fresh[new_row[same]] = False
        self._derive(rows, keys, np.flatnonzero(fresh))
        for epoch, aliases in self._epochs.items():
            moved = np.full(len(rows), _UNKNOWN)
            moved[new_row[same]] = aliases[same]
            self._epochs[epoch] = moved
        self._loose = {mode: loose.moved(new_row) for mode, loose in self._loose.items()}
        self.rows, self.keys = rows, keys

    def _derive(self, rows: Rows, keys: Any, fresh: Any) -> None:
        """Fill in the alias keys of new devices; one whose secret does not open gets a key nobody can use."""
        secrets = rows.secrets.tobytes()
        for row in fresh.tolist():
            wrapped = secrets[row * WRAPPED_BYTES : (row + 1) * WRAPPED_BYTES]
            try:
                key = alias_key(self._wrapper.unwrap(int(rows.numbers[row]), wrapped))
            except ConfigError:
                self.unopened += 1
                key = os.urandom(KEY_BYTES)
            keys[row] = np.frombuffer(key, np.uint8)

    # What is needed now.

    def _hash_epochs(self, wanted: range, progress: Progress | None) -> None:
        for epoch in [e for e in self._epochs if e not in wanted]:
            del self._epochs[epoch]
        # The present first: were the process ended, the next would begin there, too.
        for epoch in sorted(wanted, key=lambda e: abs(e - wanted[-2])):
            known = self._epochs.setdefault(epoch, np.full(len(self.rows), _UNKNOWN))
            missing = np.flatnonzero(known == _UNKNOWN)
            if len(missing):
                indexes = np.full(len(missing), epoch)
                known[missing] = hashing.aliases(
                    self.keys, missing, CLOCK_MODE, indexes, self._processes, progress
                )

    def _wide(self, epoch: int, now_s: int, extra: list[Found]) -> tuple[Any, Any]:
        """Return (rows, periods) beyond those every device is in: for clocks not set for long, and met by a search."""
        far = windows.clock_windows(self.rows.clock_set, now_s)
        wide = np.flatnonzero(far > 1)
        which, index = _spread(epoch - far[wide], 2 * far[wide] + 1)
        rows = wide[which]
        rows, index = self._with_found(rows, index, CLOCK_MODE, extra)
        outside = (index < epoch - windows.PAST_EPOCHS) | (index > epoch + 1)
        return rows[outside], index[outside]

    def _counters(self, now_s: int, extra: list[Found]) -> tuple[Any, Any]:
        counts = windows.recovery_counts(self.rows.heard, now_s)
        rows, index = _spread(self.rows.recovery, counts)
        rows, index = self._with_found(rows, index, RECOVERY_MODE, extra)
        # Slots are relative to the newest counter used.
        ahead = index - self.rows.recovery[rows] if len(rows) else index
        near = (ahead >= 0) & (ahead < 1 << 14)
        return rows[near], index[near]

    def _with_found(self, rows: Any, index: Any, mode: int, extra: list[Found]) -> tuple[Any, Any]:
        met = [(number, i) for number, m, i in extra if m == mode]
        if not met or not len(self.rows):
            return rows, index
        numbers = np.array([number for number, _ in met], np.uint32)
        at = np.minimum(self.rows.numbers.searchsorted(numbers), len(self.rows) - 1)
        here = self.rows.numbers[at] == numbers
        indexes = np.array([i for _, i in met], np.int64)
        return np.concatenate([rows, at[here]]), np.concatenate([index, indexes[here]])

    def _hash_loose(self, mode: int, rows: Any, indexes: Any, progress: Progress | None) -> None:
        codes = _Loose.code(rows, indexes)
        if not (codes[1:] > codes[:-1]).all():  # what a search has found stands at the end
            codes = np.unique(codes)
        loose = _Loose(codes, self._loose[mode].known(codes))
        missing = np.flatnonzero(loose.aliases == _UNKNOWN)
        if len(missing):
            loose.aliases[missing] = hashing.aliases(
                self.keys, loose.rows[missing], mode, loose.indexes[missing], self._processes, progress
            )
        self._loose[mode] = loose

    def _entries(self, epoch: int) -> tuple[Any, Any]:
        every = np.arange(len(self.rows), dtype=np.uint64)
        shift = np.uint64(alias_table.ROW_BITS)
        entries = [aliases << shift | every for aliases in self._epochs.values()]
        slots = [alias_table.slots_of(CLOCK_MODE, np.full(len(every), e - epoch)) for e in self._epochs]
        for mode, loose in self._loose.items():
            entries.append(loose.aliases << shift | loose.rows.astype(np.uint64))
            base = epoch if mode == CLOCK_MODE else self.rows.recovery[loose.rows].astype(np.int64)
            slots.append(alias_table.slots_of(mode, loose.indexes - base))
        return np.concatenate(entries), np.concatenate(slots)


def build_once(
    url: str, builder: Builder, now: Callable[[], float] = time.time, progress: Progress | None = None
) -> Description:
    """Read the devices and write their table."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows, read_at = read_devices(connection)
    return builder.build(rows, read_at, int(now()), progress=progress)
