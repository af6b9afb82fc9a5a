"""From an alias to the device that sent it: candidates from a table or a dictionary, the tag decides.

The many are in a mapped table (alias_table.py). Devices that are new, re-provisioned, or few altogether are in a
dictionary. Opening asks no database: the table holds wrapped secrets, and the key file's key is in memory.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE, Keys, open_up_once

from ..errors import ConfigError
from .accept import Opened
from .alias_table import AliasTable
from .windows import RECOVERY_AHEAD, RECOVERY_MOST, clock_window, recovery_range

# Derived keys of devices that are being answered: some 3 kB each. Opening does not use them (see _try_row).
KEYS_KEPT = 5_000
# Periods whose aliases of the dictionary's devices are kept: a day's backlog is worked through without hashing anew.
PERIODS_KEPT = 100
# Devices whose recovery counter moved since the table was built, or whose alias a search has met.
MOVED_KEPT = 100_000

Unwrap = Callable[[int, bytes], bytes]
Candidate = tuple[int, int, int]  # device number, mode, index


@dataclass(slots=True)
class KnownDevice:
    """What resolving needs of one device."""

    number: int
    keys: Keys
    clock_set_at: datetime | None = None
    last_heard_at: datetime | None = None
    recovery_index: int = 0
    wrapped: bytes = (
        b""  # its secret as it is stored: tells whether a table already knows this life of the device
    )
    looked_for_below: int = 0  # recovery counters up to here are looked for already


@dataclass(slots=True)
class MappedFleet:
    """A table, and what this process has learnt of its devices since it was built."""

    table: AliasTable
    clock_set: memoryview  # by row, Unix seconds
    recovery: memoryview  # by row, the newest counter used


class Resolver:
    """Opens frames of the devices it knows."""

    def __init__(self, unwrap: Unwrap | None = None) -> None:
        self._unwrap = unwrap
        self._devices: dict[int, KnownDevice] = {}
        self._gone: set[int] = set()
        self._periods: OrderedDict[int, dict[bytes, list[Candidate]]] = OrderedDict()
        self._recovery: OrderedDict[bytes, list[Candidate]] = OrderedDict()
        self._kept: OrderedDict[int, tuple[bytes, Keys]] = OrderedDict()
        self._mapped: MappedFleet | None = None
        self.unopened = 0  # candidates whose wrapped secret did not open with our key

    def __len__(self) -> int:
        """Return how many devices are in the dictionary."""
        return len(self._devices)

    @property
    def table(self) -> AliasTable | None:
        return self._mapped.table if self._mapped else None

    def known(self) -> list[KnownDevice]:
        """Return the devices of the dictionary."""
        return list(self._devices.values())

    # What is known.

    def put(self, device: KnownDevice, now: datetime | None = None) -> None:
        """Add a device, or replace what is known of it. `now` is for a world whose clock is not the host's."""
        self._devices[device.number] = device
        self._gone.discard(device.number)
        self._kept.pop(device.number, None)
        for period, aliases in self._periods.items():
            self._add_period(aliases, device, period)
        self._look_ahead(device, now or _now())

    def drop(self, number: int) -> None:
        """Forget a device, as after `revoke`: nothing it seals is opened from now on, whatever a table says."""
        self._devices.pop(number, None)
        self._kept.pop(number, None)
        self._gone.add(number)

    def moved(self, number: int, clock_set_at: datetime | None, recovery_index: int) -> None:
        """Take over where a device's clock and recovery counter stand now, as the database has it."""
        device = self._devices.get(number)
        if device is not None:
            device.clock_set_at = clock_set_at
            self._recovery_used(device, recovery_index)
            device.recovery_index = max(device.recovery_index, recovery_index)
            return
        row = self._mapped.table.row_of(number) if self._mapped else None
        if self._mapped and row is not None:
            self._mapped.clock_set[row] = int(clock_set_at.timestamp()) if clock_set_at else 0
            if recovery_index > self._mapped.recovery[row]:
                self._row_used(row, number, recovery_index)

    def look_for(self, alias: bytes, candidate: Candidate) -> None:
        """Expect a device under an alias it would not be looked for under: a search has found that it may be its."""
        known = self._recovery.setdefault(alias, [])
        if candidate not in known:
            known.append(candidate)
        while len(self._recovery) > MOVED_KEPT * RECOVERY_AHEAD:
            self._recovery.popitem(last=False)

    # The table and its successor.

    def prepared(self, table: AliasTable) -> MappedFleet:
        """Carry over what this process knows into a new table; takes a while, so it may run in a thread."""
        table.touch()
        rows = table.rows
        clock_set, recovery = rows.clock_set.copy(), rows.recovery.copy()
        old = self._mapped
        if old is not None and len(rows) and len(old.table.rows):
            at = np.minimum(rows.numbers.searchsorted(old.table.rows.numbers), len(rows) - 1)
            same = rows.numbers[at] == old.table.rows.numbers
            # A clock known to be lost (0) is in the database, and so in the table, within a building's time.
            for new, known in ((clock_set, old.clock_set), (recovery, old.recovery)):
                new[at[same]] = np.maximum(new[at[same]], np.asarray(known)[same])
        return MappedFleet(table, memoryview(clock_set), memoryview(recovery))

    def use(self, fleet: MappedFleet | None) -> None:
        """Look devices up in this table from now on, and forget what it knows as well as the dictionary does."""
        self._mapped = fleet
        if fleet is None:
            return
        table = fleet.table
        for number, device in list(self._devices.items()):
            row = table.row_of(number)
            if row is not None and device.wrapped and table.wrapped(row) == device.wrapped:
                self._devices.pop(number)
        self._gone = {number for number in self._gone if table.row_of(number) is not None}

    def device(self, number: int) -> KnownDevice | None:
        """Return what is known of a device, its keys derived."""
        if number in self._devices:
            return self._devices[number]
        mapped = self._mapped
        row = mapped.table.row_of(number) if mapped and number not in self._gone else None
        if mapped is None or row is None:
            return None
        keys = self._keys(mapped.table, number, row)
        if keys is None:
            return None
        return KnownDevice(
            number,
            keys,
            _at(mapped.clock_set[row]),
            _at(mapped.table.rows.heard[row]),
            mapped.recovery[row],
            mapped.table.wrapped(row),
        )

    def _keys(self, table: AliasTable, number: int, row: int) -> Keys | None:
        wrapped = table.wrapped(row)
        kept = self._kept.get(number)
        if kept is None or kept[0] != wrapped:
            secret = self._secret(number, wrapped)
            if secret is None:
                return None
            kept = self._kept[number] = (wrapped, Keys(secret))
            while len(self._kept) > KEYS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return kept[1]

    def _secret(self, number: int, wrapped: bytes) -> bytes | None:
        try:
            return self._unwrap(number, wrapped) if self._unwrap else None
        except ConfigError:
            self.unopened += 1
            return None

    def present_aliases(self, number: int, now: datetime) -> list[bytes]:
        """Return the aliases to look for a device under: clock mode last, present and next, and its recovery ones."""
        device = self.device(number)
        if device is None:
            return []
        epoch = times.alias_index(int(now.timestamp()))
        window = clock_window(device.clock_set_at, now)
        found = [device.keys.alias(CLOCK_MODE, epoch + step) for step in range(-window, window + 1)]
        first = max(0, device.recovery_index - 1)
        found += [device.keys.alias(RECOVERY_MODE, r) for r in range(first, device.recovery_index + 3)]
        return found

    # Opening.

    def open(self, frame: bytes, heard_at: datetime) -> Opened | None:
        """Return who sealed the frame and its body, or None when no known device did."""
        alias = bytes(frame[kinds.HEADER_BYTES : kinds.HEADER_BYTES + kinds.ALIAS_BYTES])
        for number, mode, index in self._from_dictionaries(alias, heard_at):
            device = self.device(number)
            body = device.keys.open_up(frame) if device else None
            if device and body is not None:
                since = device.clock_set_at or device.last_heard_at
                self._heard(device, mode, index, heard_at)
                return Opened(number, mode, index, body, since)
        if self._mapped is None:
            return None
        for row, mode, index in self._mapped.table.candidates(alias):
            opened = self._try_row(self._mapped, row, mode, index, frame)
            if opened is not None:
                return opened
        return None

    def open_as(self, number: int, frame: bytes) -> Opened | None:
        """Open a frame as this device's own, whatever alias is on it: one that says who it is need not be found.

        Which alias it was is known where it is one of its recovery aliases; else its clock is as wrong as it may be.
        """
        device = self.device(number)
        body = device.keys.open_up(frame) if device else None
        if device is None or body is None:
            return None
        alias = bytes(frame[kinds.HEADER_BYTES : kinds.HEADER_BYTES + kinds.ALIAS_BYTES])
        since = device.clock_set_at or device.last_heard_at
        for index in range(device.recovery_index, device.recovery_index + RECOVERY_MOST + 1):
            if device.keys.alias(RECOVERY_MODE, index) == alias:
                return Opened(number, RECOVERY_MODE, index, body, since)
        return Opened(number, CLOCK_MODE, 0, body, since)

    def _try_row(self, mapped: MappedFleet, row: int, mode: int, index: int, frame: bytes) -> Opened | None:
        """Open a frame with a row's secret.

        Keys are derived anew each time: a cache would make a small fleet cheap and leave a large one as it is, and
        what must be known is what a frame costs with a million devices.
        """
        number = mapped.table.number(row)
        if number in self._devices or number in self._gone:
            return None
        secret = self._secret(number, mapped.table.wrapped(row))
        body = open_up_once(secret, frame) if secret else None
        if body is None:
            return None
        if mode == RECOVERY_MODE and index > mapped.recovery[row]:
            self._row_used(row, number, index)
        since = mapped.clock_set[row] or mapped.table.rows.heard[row]
        return Opened(number, mode, index, body, _at(since))

    def _from_dictionaries(self, alias: bytes, at: datetime) -> list[Candidate]:
        found: list[Candidate] = []
        if self._devices:
            found += self._period(times.alias_index(int(at.timestamp()))).get(alias, ())
        return [*found, *self._recovery.get(alias, ())]

    def _period(self, heard: int) -> dict[bytes, list[Candidate]]:
        """Return {alias: candidates} of the dictionary's devices for frames heard in one period."""
        if heard not in self._periods:
            aliases: dict[bytes, list[Candidate]] = {}
            end = datetime.fromtimestamp((heard + 1) * kinds.ALIAS_PERIOD_S, UTC)
            for device in self._devices.values():
                self._add_period(aliases, device, heard)
                self._look_ahead(device, end)
            self._periods[heard] = aliases
            while len(self._periods) > PERIODS_KEPT:
                self._periods.popitem(last=False)
        self._periods.move_to_end(heard)
        return self._periods[heard]

    @staticmethod
    def _add_period(aliases: dict[bytes, list[Candidate]], device: KnownDevice, heard: int) -> None:
        end = datetime.fromtimestamp((heard + 1) * kinds.ALIAS_PERIOD_S, UTC)
        window = clock_window(device.clock_set_at, end)
        # The nearest first: nearly always it is the one.
        for index in sorted(range(heard - window, heard + window + 1), key=lambda i: abs(i - heard)):
            alias = device.keys.alias(CLOCK_MODE, index)
            aliases.setdefault(alias, []).append((device.number, CLOCK_MODE, index))

    # Recovery counters that move while a table is in use.

    def _heard(self, device: KnownDevice, mode: int, index: int, at: datetime) -> None:
        device.last_heard_at = at
        if mode == RECOVERY_MODE:
            self._recovery_used(device, index)
        mapped = self._mapped
        if mapped is not None and mode == RECOVERY_MODE and device.number not in self._devices:
            row = mapped.table.row_of(device.number)
            if row is not None and index > mapped.recovery[row]:
                mapped.recovery[row] = index

    def _recovery_used(self, device: KnownDevice, index: int) -> None:
        if index > device.recovery_index:
            device.recovery_index = index
            self._look_for_recovery(device, range(index, index + RECOVERY_AHEAD + 1))
            device.looked_for_below = max(device.looked_for_below, index + RECOVERY_AHEAD + 1)

    def _look_ahead(self, device: KnownDevice, at: datetime) -> None:
        """Expect the counters that an absence until then may have brought; those looked for already cost nothing."""
        counters = recovery_range(device.recovery_index, device.last_heard_at, at)
        self._look_for_recovery(device, range(max(counters.start, device.looked_for_below), counters.stop))
        device.looked_for_below = max(device.looked_for_below, counters.stop)

    def _row_used(self, row: int, number: int, index: int) -> None:
        assert self._mapped
        self._mapped.recovery[row] = index
        device = self.device(number)
        if device is not None:
            in_table = int(self._mapped.table.rows.recovery[row]) + RECOVERY_AHEAD + 1
            self._look_for_recovery(device, range(max(index, in_table), index + RECOVERY_AHEAD + 1))

    def _look_for_recovery(self, device: KnownDevice, counters: range) -> None:
        for index in counters:
            self.look_for(device.keys.alias(RECOVERY_MODE, index), (device.number, RECOVERY_MODE, index))


def _now() -> datetime:
    return datetime.now(UTC)


def _at(unix_s: Any) -> datetime | None:
    return datetime.fromtimestamp(int(unix_s), UTC) if unix_s else None
