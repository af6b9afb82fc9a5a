"""RTC memory: boot, sequence, clock, recovery counter and last fix under one CRC, valid or lost together."""

import struct
from binascii import crc32

from app import outside
from app.identity import Identity

# Goes one up with every change of what follows: an older layout is none, and the device begins a new boot.
_MAGIC = 0x50C2
_OWN = ">HHHBqIqiqqqB"
_FORMAT = _OWN + outside.FORMAT
_OWN_FIELDS = 12


def load(raw):
    """Return the Identity in RTC memory, or None: never written, lost, or noise."""
    size = struct.calcsize(_FORMAT)
    if len(raw) < size + 4:
        return None
    body = bytes(raw[:size])
    if struct.unpack(">I", raw[size : size + 4])[0] != crc32(body) & 0xFFFFFFFF:
        return None
    fields = struct.unpack(_FORMAT, body)
    if fields[0] != _MAGIC:
        return None
    boot, seq, has_clock, offset, recovery, recovery_at, quarter = fields[1:8]
    identity = Identity(boot, seq, offset if has_clock else None, recovery, recovery_at, quarter)
    identity.beat_at, identity.decoy_at, identity.ask_until, identity.notes = fields[8:_OWN_FIELDS]
    identity.outside = outside.Outside(fields[_OWN_FIELDS:])
    return identity


def save(identity):
    """Return the bytes to keep in RTC memory."""
    has_clock = identity.clock_offset is not None
    body = struct.pack(
        _FORMAT,
        _MAGIC,
        identity.boot,
        identity.seq,
        has_clock,
        identity.clock_offset if has_clock else 0,
        identity.recovery,
        identity.recovery_at,
        identity.quarter,
        identity.beat_at,
        identity.decoy_at,
        identity.ask_until,
        identity.notes,
        *identity.outside.values(),
    )
    return body + struct.pack(">I", crc32(body) & 0xFFFFFFFF)
