"""Time on the wire: 2-second units modulo 2**24, and alias periods. Unix seconds count from 1970."""

from .kinds import ALIAS_PERIOD_S, WHEN_UNKNOWN

WHEN_UNIT_S = 2
_WRAP = 1 << 24  # units; 388 days
NEWEST_AHEAD_S = 2 * 3600  # a device's clock may be this much ahead of the gateway's


def pack_when(unix_s):
    """Return the 24-bit `when` of a Unix second; None is unknown, and a known one never looks unknown."""
    if unix_s is None:
        return WHEN_UNKNOWN
    units = (unix_s // WHEN_UNIT_S) % _WRAP
    return units if units != WHEN_UNKNOWN else WHEN_UNKNOWN - 1


def resolve_when(when, received_s):
    """Return the Unix second meant: the newest instant not later than 2 h after receipt; None if unknown."""
    if when == WHEN_UNKNOWN:
        return None
    newest = (received_s + NEWEST_AHEAD_S) // WHEN_UNIT_S
    return (newest - (newest - when) % _WRAP) * WHEN_UNIT_S


def alias_index(unix_s):
    """Return the number of the alias period a Unix second lies in."""
    return unix_s // ALIAS_PERIOD_S
