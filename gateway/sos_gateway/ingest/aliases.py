"""From an alias to the device that sent it: candidates from a table, the tag decides."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE, Keys

from .accept import Opened
from .alias_table import AliasTable

# Recovery counters looked at beyond the last one used, and one more for every step it was not heard.
RECOVERY_AHEAD = 8
RECOVERY_MOST = 128
# A device that was never set, or long ago, may have drifted by 2 %; beyond 30 days it is the slow path's.
DRIFT_PER_CENT = 2
STALEST = timedelta(days=30)
KEYS_KEPT = 20_000
EPOCHS_KEPT = 64


@dataclass(slots=True)
class KnownDevice:
    """What resolving needs of one device."""

    number: int
    keys: Keys
    clock_set_at: datetime | None = None
    last_heard_at: datetime | None = None
    recovery_index: int = 0


def clock_window(device: KnownDevice, at: datetime) -> int:
    """Return how many alias periods the device's clock may be off, at least one."""
    if device.clock_set_at is None:
        return 1
    unset = min(max(at - device.clock_set_at, timedelta()), STALEST)
    return 1 + int(unset.total_seconds() * DRIFT_PER_CENT / 100) // kinds.ALIAS_PERIOD_S


def recovery_range(device: KnownDevice, at: datetime) -> range:
    """Return the recovery counters a device may be using."""
    unheard = at - device.last_heard_at if device.last_heard_at else timedelta()
    steps = int(max(unheard.total_seconds(), 0)) // kinds.RECOVERY_STEP_S
    return range(
        device.recovery_index, device.recovery_index + min(RECOVERY_AHEAD + steps, RECOVERY_MOST) + 1
    )


class Resolver:
    """Opens frames of the devices it knows; a table built elsewhere serves the many, a dictionary the new and few."""

    def __init__(self) -> None:
        self._devices: dict[int, KnownDevice] = {}
        self._recovery: dict[bytes, list[tuple[int, int]]] = {}
        self._epochs: OrderedDict[int, dict[bytes, list[int]]] = OrderedDict()
        self._table: AliasTable | None = None

    def put(self, device: KnownDevice) -> None:
        """Add a device, or replace what is known of it."""
        self.drop(device.number)
        self._devices[device.number] = device
        for epoch, aliases in self._epochs.items():
            aliases.setdefault(device.keys.alias(CLOCK_MODE, epoch), []).append(device.number)
        self._add_recovery(device, datetime.now(UTC))

    def drop(self, number: int) -> None:
        """Forget a device, as after `revoke`."""
        self._devices.pop(number, None)

    def use_table(self, table: AliasTable | None) -> None:
        self._table = table

    def device(self, number: int) -> KnownDevice | None:
        return self._devices.get(number) or (self._table.device(number) if self._table else None)

    def present_aliases(self, number: int, now: datetime) -> list[bytes]:
        """Return the aliases to look for a device under: clock mode last, present and next, and its recovery ones."""
        device = self.device(number)
        if device is None:
            return []
        epoch = times.alias_index(int(now.timestamp()))
        window = clock_window(device, now)
        found = [device.keys.alias(CLOCK_MODE, epoch + step) for step in range(-window, window + 1)]
        first = max(0, device.recovery_index - 1)
        found += [device.keys.alias(RECOVERY_MODE, r) for r in range(first, device.recovery_index + 3)]
        return found

    def open(self, frame: bytes, heard_at: datetime) -> Opened | None:
        """Return who sealed the frame and its body, or None when no known device did."""
        alias = bytes(frame[kinds.HEADER_BYTES : kinds.HEADER_BYTES + kinds.ALIAS_BYTES])
        for number, mode, index in self._candidates(alias, heard_at):
            device = self.device(number)
            body = device.keys.open_up(frame) if device else None
            if device and body is not None:
                self._heard(device, mode, index, heard_at)
                return Opened(number, mode, index, body, device.clock_set_at)
        return None

    def _candidates(self, alias: bytes, at: datetime) -> list[tuple[int, int, int]]:
        epoch = times.alias_index(int(at.timestamp()))
        found = []
        widest = max((clock_window(d, at) for d in self._devices.values()), default=1)
        for index in sorted(range(epoch - widest, epoch + widest + 1), key=lambda i: abs(i - epoch)):
            found += [(number, CLOCK_MODE, index) for number in self._epoch(index).get(alias, ())]
        found += [(number, RECOVERY_MODE, index) for number, index in self._recovery.get(alias, ())]
        if self._table:
            found += self._table.candidates(alias)
        return found

    def _epoch(self, index: int) -> dict[bytes, list[int]]:
        """Return {alias: devices} of one period, made once and kept while it is in use."""
        if index not in self._epochs:
            aliases: dict[bytes, list[int]] = {}
            for device in self._devices.values():
                aliases.setdefault(device.keys.alias(CLOCK_MODE, index), []).append(device.number)
            self._epochs[index] = aliases
            while len(self._epochs) > EPOCHS_KEPT:
                self._epochs.popitem(last=False)
        self._epochs.move_to_end(index)
        return self._epochs[index]

    def _add_recovery(self, device: KnownDevice, at: datetime) -> None:
        for index in recovery_range(device, at):
            entry = (device.number, index)
            known = self._recovery.setdefault(device.keys.alias(RECOVERY_MODE, index), [])
            if entry not in known:
                known.append(entry)

    def _heard(self, device: KnownDevice, mode: int, index: int, at: datetime) -> None:
        device.last_heard_at = at
        if mode == RECOVERY_MODE and index > device.recovery_index:
            device.recovery_index = index
            self._add_recovery(device, at)
