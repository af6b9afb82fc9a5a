"""RTC memory: boot, sequence, clock and recovery counter under one CRC, valid or lost together."""

import struct
from binascii import crc32

from app.identity import Identity

_MAGIC = 0x50C1
_FORMAT = ">HHHBqIqiqqqB"


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
    identity.beat_at, identity.decoy_at, identity.ask_until, identity.notes = fields[8:]
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
    )
    return body + struct.pack(">I", crc32(body) & 0xFFFFFFFF)
