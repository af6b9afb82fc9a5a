"""The ways out of an event, one bit each, and which of them an event may take."""

from sos_wire import kinds

BLE = 1
LTE = 2
SMS = 4


def of(kind, has_modem):
    """Return the ways an event of a kind may take.

    Alarms, what takes one back, and `felt` take all at the same time; the rest goes over LTE once BLE has had no answer.
    """
    if not has_modem or kind == kinds.DECOY:
        return BLE
    if kind in kinds.ALARMS or kind in (kinds.CANCELLED, kinds.PREVENTIVE_ENDED, kinds.FELT):
        return BLE | LTE | SMS
    return BLE | LTE
