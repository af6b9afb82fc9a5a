"""How often: heartbeats, decoys, repeats. Instants are drawn so that timing alone links nothing."""

from sos_wire import kinds

from app import ways

QUARTER_S = 900
# Repeats of an event that nobody answers: quick while the wearer waits, then sparing the battery.
FIRST_REPEAT_MS = 2000
SLOWEST_REPEAT_MS = 60_000
# An alarm nobody has answered goes on for ever, at this pace once the wearer knows that it is unreachable.
ALARM_SLOWEST_MS = 30_000
# What is not an alarm is given up after so many sendings.
MOST_SENDINGS = 20
# A device without a clock is being put on, or was away: it asks a few times, for the answer sets its clock.
MOST_SENDINGS_WITHOUT_CLOCK = 8


def repeat_after_ms(sent, is_alarm):
    """Return the pause after the n-th sending of an event without an answer."""
    slowest = ALARM_SLOWEST_MS if is_alarm else SLOWEST_REPEAT_MS
    return min(FIRST_REPEAT_MS << min(max(sent - 3, 0), 5), slowest) if sent else 0


def gives_up(event):
    """Whether BLE drops an unanswered event: what is kept never, a heartbeat after one sending.

    What another way can take is left to it after one: no hub is near.
    """
    if event.is_kept():
        return False
    if event.ways & ~ways.BLE and event.sent:
        return True
    if event.kind not in (kinds.HEARTBEAT, kinds.DECOY):
        return event.sent >= MOST_SENDINGS
    return event.sent >= (1 if event.flags & kinds.CLOCK_VALID else MOST_SENDINGS_WITHOUT_CLOCK)


def heartbeat_instant(unix_s, last_quarter, draw):
    """Return the Unix second of the next heartbeat: one in each quarter of an hour, drawn uniformly from it.

    last_quarter is the number of the quarter that already has its heartbeat; draw is uniform from 0 to 899.
    """
    quarter = unix_s // QUARTER_S
    if quarter <= last_quarter:
        return (last_quarter + 1) * QUARTER_S + draw
    instant = quarter * QUARTER_S + draw
    return instant if instant > unix_s else unix_s  # woken late in a quarter without one: now


def decoy_instant(unix_s, per_day, draw):
    """Return the Unix second of the next decoy episode, exponentially far away; draw uniform from 1 to 65535. 0: none."""
    if not per_day:
        return 0
    # Minus the logarithm by halving: enough for a draw that nobody must be able to tell from an exponential by eye,
    # and the device has no need of a float.
    mean_s = 86_400 // per_day
    halvings, rest = 0, draw
    while rest < 32_768:
        rest <<= 1
        halvings += 1
    return unix_s + mean_s * (halvings * 693 + (65_536 - rest) * 693 // 32_768) // 1000 + 1
