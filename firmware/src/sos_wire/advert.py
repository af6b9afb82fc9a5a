"""The 31 bytes of a legacy advertisement that carry one short frame and nothing else."""

from .kinds import COMPANY_TEST, FORM_SHORT, FRAME_BYTES

_FLAGS = b"\x02\x01\x06"  # general discoverable, no classic Bluetooth
_MANUFACTURER = 0xFF
_SERVICE_DATA_16 = 0x16


def build(frame, company=COMPANY_TEST, service_uuid16=None):
    """Return the 31 bytes for a 24-byte frame as service data (16-bit UUID given) or manufacturer data."""
    if len(frame) != FRAME_BYTES[FORM_SHORT]:
        raise ValueError("an advertisement carries a frame of 24 bytes, not %d" % len(frame))
    kind, number = (_MANUFACTURER, company) if service_uuid16 is None else (_SERVICE_DATA_16, service_uuid16)
    return _FLAGS + bytes((27, kind, number & 0xFF, number >> 8)) + frame
