"""RTC memory: boot, sequence, clock and recovery counter under one CRC, valid or lost together."""

import struct
from binascii import crc32

from app.identity import Identity

_MAGIC = 0x50C0
_FORMAT = ">HHHBqIqi"


def load(raw):
    """Return the Identity in RTC memory, or None: never written, lost, or noise."""
    size = struct.calcsize(_FORMAT)
    if len(raw) < size + 4:
        return None
    body = bytes(raw[:size])
    if struct.unpack(">I", raw[size : size + 4])[0] != crc32(body) & 0xFFFFFFFF:
        return None
    magic, boot, seq, has_clock, offset, recovery, recovery_at, quarter = struct.unpack(_FORMAT, body)
    if magic != _MAGIC:
        return None
    return Identity(boot, seq, offset if has_clock else None, recovery, recovery_at, quarter)


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
    )
    return body + struct.pack(">I", crc32(body) & 0xFFFFFFFF)
