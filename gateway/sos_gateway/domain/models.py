"""What the gateway speaks of: wearers' events, incidents, answers to devices, rows for destinations."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

UNREADABLE = 0  # the kind of an authentic event nobody here can decode

# The ways an event comes: heard on the air by a hub, published by the device itself, in a text message to a hub.
BLE, LTE, SMS = "ble", "lte", "sms"


class Number(NamedTuple):
    """The identity of an event, the same in every copy."""

    device: int
    boot: int
    seq: int


@dataclass(frozen=True, slots=True)
class Wearer:
    id: int
    name: str
    home_town: str
    language: str = "ca"
    home_lat_e7: int | None = None
    home_lon_e7: int | None = None
    profile: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    town_opens_on: tuple[str, ...] = ()  # conditional kinds that open an incident in the home town


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a device, unsealed. occurred_at is its own time as the rules use it: the latest that can be meant."""

    device: int
    boot: int
    seq: int
    kind: int
    flags: int
    form: int
    occurred_at: datetime
    time_known: bool
    received_at: datetime
    body: bytes
    hub: str | None = None
    battery: int | None = None
    ref_boot: int | None = None
    ref_seq: int | None = None
    incident_id: int | None = None
    cancelled: bool = False
    lat_e7: int | None = None
    lon_e7: int | None = None
    radius_m: int | None = None
    fix_age_s: int | None = None
    fix_at: datetime | None = None  # the position's own time, where it is known
    cell: str | None = None  # country-network-area-cell
    battery_mv: int | None = None
    press_count: int | None = None
    faults: int | None = None

    @property
    def number(self) -> Number:
        return Number(self.device, self.boot, self.seq)

    @property
    def presses(self) -> int:
        """How many presses it stands for; the short form cannot say, and is one."""
        return self.press_count or 1

    @property
    def reference(self) -> Number | None:
        if self.ref_boot is None or self.ref_seq is None:
            return None
        return Number(self.device, self.ref_boot, self.ref_seq)


@dataclass(frozen=True, slots=True)
class Incident:
    wearer_id: int
    device: int
    kind: str
    state: str
    town: str
    occurred_at: datetime
    received_at: datetime
    updated_at: datetime
    id: int = 0  # given by the store
    also_towns: tuple[str, ...] = ()
    pending_until: datetime | None = None
    opened_at: datetime | None = None
    accepted_at: datetime | None = None
    accepted_by: str | None = None
    closed_at: datetime | None = None
    disposition: str | None = None
    press_count: int = 1
    late: bool = False
    disputed: bool = False
    silent: bool = False
    says_false_alarm: bool = False
    raw: str | None = None
    lat_e7: int | None = None
    lon_e7: int | None = None
    radius_m: int | None = None
    position_source: str = "unknown"
    position_at: datetime | None = None
    heard_by: str | None = None
    cell: str | None = None
    cell_at: datetime | None = None
    told_lat_e7: int | None = None  # the position destinations were last told
    told_lon_e7: int | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One append-only row of an incident's history."""

    incident_id: int
    what: str
    from_state: str | None
    to_state: str
    who: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    incident_id: int
    destination: str
    kind: str
    identifier: str
    payload: dict[str, Any]
    not_before: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Down:
    """An answer on its way to a device, retried until the device says `felt`."""

    device: int
    ref_boot: int
    ref_seq: int
    state: int
    created_at: datetime
    next_at: datetime
    until_at: datetime
    id: int = 0
    arg: int = 0
    attempts: int = 0
    tried: tuple[str, ...] = ()
    felt_at: datetime | None = None
    lte_at: datetime | None = None  # last published to the device's own topic
    lte_tries: int = 0  # since the device was last heard
    sms_state: int = -1  # the highest state sent by text message
    sms_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    due: datetime
    kind: str
    incident_id: int
    number: Number
    id: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where one event was heard, how strongly, when, by which way; hub "" where the device published it itself."""

    number: Number
    hub: str
    rssi: int
    heard_at: datetime
    via: str = BLE


@dataclass(frozen=True, slots=True)
class Hub:
    id: str
    town: str | None = None
    lat_e7: int | None = None
    lon_e7: int | None = None
    place: str = ""
    last_seen_at: datetime | None = None
