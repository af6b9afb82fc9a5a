"""Bodies of frames: one table of fields with their ranges, and how to write and read them.

All integers are big-endian. Ranges are checked in both directions because MicroPython's struct truncates
silently, and the decoder refuses anything it does not know: the caller decides what an authentic but
unreadable body means.
"""

import struct
from collections import namedtuple

from . import kinds


class FrameError(ValueError):
    """The frame or body is not one this version writes."""


Short = namedtuple("Short", ("boot", "seq", "kind", "flags", "when", "battery", "ref_boot", "ref_seq"))

# (name, struct code, lowest, highest), in the order of the bytes.
FULL_FIELDS = (
    ("boot", "H", 0, 65535),
    ("seq", "H", 0, 65535),
    ("kind", "B", 1, len(kinds.NAMES) - 1),
    ("flags", "B", 0, 255),
    ("unix_s", "I", 0, 0xFFFFFFFF),
    ("battery", "B", 0, 255),
    ("emergency_type", "B", 0, 255),
    ("ref_boot", "H", 0, 65535),
    ("ref_seq", "H", 0, 65535),
    ("age_s", "H", 0, 65535),
    ("lat_e7", "i", kinds.POSITION_UNKNOWN, 900_000_000),
    ("lon_e7", "i", kinds.POSITION_UNKNOWN, 1_800_000_000),
    ("radius_m", "H", 0, 65535),
    ("fix_age_s", "H", 0, 65535),
    ("mcc", "H", 0, 65535),
    ("mnc", "H", 0, 65535),
    ("tac", "H", 0, 65535),
    ("cell", "I", 0, 0xFFFFFFFF),
    ("rssi", "b", -128, 127),
    ("battery_mv", "H", 0, 65535),
    ("firmware", "H", 0, 65535),
    ("reset_cause", "B", 0, 255),
    ("press_count", "B", 0, 255),
    ("still_s", "B", 0, 255),
    ("faults", "H", 0, 65535),
)
Full = namedtuple("Full", tuple([row[0] for row in FULL_FIELDS]))
_FULL_FORMAT = ">" + "".join([row[1] for row in FULL_FIELDS])

DOWN_FIELDS = (
    ("ref_boot", "H", 0, 65535),
    ("ref_seq", "H", 0, 65535),
    ("state", "B", 0, len(kinds.STATE_NAMES) - 1),
    ("arg", "B", 0, 255),
    ("unix_s", "I", 0, 0xFFFFFFFF),
)
Down = namedtuple("Down", tuple([row[0] for row in DOWN_FIELDS]))
_DOWN_FORMAT = ">" + "".join([row[1] for row in DOWN_FIELDS])


def short(
    boot, seq, kind, flags=0, when=kinds.WHEN_UNKNOWN, battery=kinds.BATTERY_UNKNOWN, ref_boot=0, ref_seq=0
):
    """Return a Short; what is not given is unknown."""
    return Short(boot, seq, kind, flags, when, battery, ref_boot, ref_seq)


def full(boot, seq, kind, **fields):
    """Return a Full; what is not given is unknown."""
    values = {
        "boot": boot,
        "seq": seq,
        "kind": kind,
        "battery": kinds.BATTERY_UNKNOWN,
        "age_s": kinds.AGE_UNKNOWN,
        "lat_e7": kinds.POSITION_UNKNOWN,
        "lon_e7": kinds.POSITION_UNKNOWN,
        "fix_age_s": kinds.AGE_UNKNOWN,
    }
    values.update(fields)
    for name in values:
        if name not in _FULL_NAMES:
            raise FrameError("the full form has no field %s" % name)
    return Full(*[values.get(row[0], 0) for row in FULL_FIELDS])


_FULL_NAMES = tuple([row[0] for row in FULL_FIELDS])


def _in_range(name, value, lowest, highest):
    if not lowest <= value <= highest:
        raise FrameError("%s is %d, outside %d to %d" % (name, value, lowest, highest))


def _check_kind_and_flags(kind, flags):
    _in_range("kind", kind, 1, len(kinds.NAMES) - 1)
    if kind == kinds.FELT:
        _in_range("flags (state felt)", flags, 0, len(kinds.STATE_NAMES) - 1)
    elif kind == kinds.PREVENTIVE_EXTENDED:
        _in_range("flags (minutes / 5)", flags, 0, 255)
    else:
        _in_range("flags", flags, 0, kinds.FLAGS_ALL)


def _check_table(table, values):
    for row, value in zip(table, values):
        _in_range(row[0], value, row[2], row[3])


def _check_short(event):
    _check_kind_and_flags(event.kind, event.flags)
    _in_range("boot", event.boot, 0, 65535)
    _in_range("seq", event.seq, 0, 65535)
    _in_range("when", event.when, 0, kinds.WHEN_UNKNOWN)
    _in_range("battery", event.battery, 0, 255)
    _in_range("ref_boot", event.ref_boot, 0, 65535)
    _in_range("ref_seq", event.ref_seq, 0, 65535)


def _check_full(event):
    _check_table(FULL_FIELDS, event)
    _check_kind_and_flags(event.kind, event.flags)
    unknown = kinds.POSITION_UNKNOWN
    if (event.lat_e7 == unknown) != (event.lon_e7 == unknown):
        raise FrameError("latitude and longitude are both known or both unknown")
    if event.lat_e7 != unknown:
        _in_range("lat_e7", event.lat_e7, -900_000_000, 900_000_000)
        _in_range("lon_e7", event.lon_e7, -1_800_000_000, 1_800_000_000)


def encode_short(event):
    """Return the 10 bytes of a Short. Kinds that refer carry the reference in place of time and battery."""
    _check_short(event)
    if event.kind in kinds.REFERRING:
        tail = struct.pack(">HH", event.ref_boot, event.ref_seq)
    else:
        tail = struct.pack(">I", event.when << 8 | event.battery)
    return struct.pack(">HHBB", event.boot, event.seq, event.kind, event.flags) + tail


def decode_short(body):
    """Return the Short in 10 bytes, or raise FrameError."""
    if len(body) != kinds.BODY_BYTES[kinds.FORM_SHORT]:
        raise FrameError("a short body has 10 bytes, not %d" % len(body))
    boot, seq, kind, flags = struct.unpack(">HHBB", body[:6])
    if kind in kinds.REFERRING:
        ref_boot, ref_seq = struct.unpack(">HH", body[6:])
        event = Short(boot, seq, kind, flags, kinds.WHEN_UNKNOWN, kinds.BATTERY_UNKNOWN, ref_boot, ref_seq)
    else:
        tail = struct.unpack(">I", body[6:])[0]
        event = Short(boot, seq, kind, flags, tail >> 8, tail & 0xFF, 0, 0)
    _check_short(event)
    return event


def encode_full(event):
    """Return the 50 bytes of a Full."""
    _check_full(event)
    return struct.pack(_FULL_FORMAT, *event)


def decode_full(body):
    """Return the Full in 50 bytes, or raise FrameError."""
    if len(body) != kinds.BODY_BYTES[kinds.FORM_FULL]:
        raise FrameError("a full body has 50 bytes, not %d" % len(body))
    event = Full(*struct.unpack(_FULL_FORMAT, body))
    _check_full(event)
    return event


def encode_down(answer):
    """Return the 10 bytes of a Down."""
    _check_table(DOWN_FIELDS, answer)
    return struct.pack(_DOWN_FORMAT, *answer)


def decode_down(body):
    """Return the Down in 10 bytes, or raise FrameError."""
    if len(body) != kinds.BODY_BYTES[kinds.FORM_SHORT]:
        raise FrameError("a down body has 10 bytes, not %d" % len(body))
    answer = Down(*struct.unpack(_DOWN_FORMAT, body))
    _check_table(DOWN_FIELDS, answer)
    return answer


def decode_up(header, body):
    """Return the Short or Full of an opened frame; header is the frame's first byte."""
    if header >> 4 != kinds.VERSION:
        raise FrameError("version %d is not known" % (header >> 4))
    form = header & 0x0F
    if form == kinds.FORM_EVIDENCE:
        raise FrameError("form 3 is a piece of evidence and no event")
    if kinds.BODY_BYTES.get(form) != len(body):
        raise FrameError("form %d does not have %d bytes of body" % (form, len(body)))
    return decode_short(body) if form == kinds.FORM_SHORT else decode_full(body)
