"""RTC memory: boot, sequence, clock, recovery counter and last fix under one CRC, valid or lost together.

Behind them, under a CRC of its own, what a fall felt like while that is still to be told.
"""

import struct
from binascii import crc32

from app import outside
from app.evidence import Evidence
from app.identity import Identity

# Goes one up with every change of what follows: an older layout is none, and the device begins a new boot.
_MAGIC = 0x50C2
_OWN = ">HHHBqIqiqqqB"
_FORMAT = _OWN + outside.FORMAT
_OWN_FIELDS = 12
_EVIDENCE = ">HHBB375s"  # boot seq ways rounds samples


def _opened(raw, start, layout):
    """Return the fields of the record that begins at `start`, or None: never written, lost, or noise."""
    end = start + struct.calcsize(layout)
    if len(raw) < end + 4:
        return None
    body = bytes(raw[start:end])
    if struct.unpack(">I", raw[end : end + 4])[0] != crc32(body) & 0xFFFFFFFF:
        return None
    return struct.unpack(layout, body)


def _sealed(layout, *fields):
    body = struct.pack(layout, *fields)
    return body + struct.pack(">I", crc32(body) & 0xFFFFFFFF)


def load(raw):
    """Return the Identity in RTC memory, or None: never written, lost, or noise."""
    fields = _opened(raw, 0, _FORMAT)
    if fields is None:
        return None
    if fields[0] != _MAGIC:
        return None
    boot, seq, has_clock, offset, recovery, recovery_at, quarter = fields[1:8]
    identity = Identity(boot, seq, offset if has_clock else None, recovery, recovery_at, quarter)
    identity.beat_at, identity.decoy_at, identity.ask_until, identity.notes = fields[8:_OWN_FIELDS]
    identity.outside = outside.Outside(fields[_OWN_FIELDS:])
    return identity


def load_evidence(raw):
    """Return the Evidence in RTC memory, or None."""
    fields = _opened(raw, struct.calcsize(_FORMAT) + 4, _EVIDENCE)
    if fields is None:
        return None
    boot, seq, ways, rounds, samples = fields
    return Evidence(boot, seq, samples, ways, rounds)


def save(identity, evidence=None):
    """Return the bytes to keep in RTC memory."""
    has_clock = identity.clock_offset is not None
    own = _sealed(
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
    if evidence is None:
        return own
    e = evidence
    return own + _sealed(_EVIDENCE, e.boot, e.seq, e.ways, e.rounds, e.samples)
