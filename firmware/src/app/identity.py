"""Who we are on the air now: boot, sequence, clock and alias, kept through deep sleep under one CRC."""

from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE

from app.outside import Outside

PROVISION_AGAIN_FROM = 65_000
LAST_BOOT = 65_535
LAST_SEQ = 65_535


# What is remembered through deep sleep beside numbers and times.
BUTTON_STUCK = 1
ACCELEROMETER_FAULT = 2
LOW_BATTERY_TOLD = 4
FAULTS = BUTTON_STUCK | ACCELEROMETER_FAULT

# Starts that lost everything, one after the other: from the fourth on each waits before it takes a boot number.
STARTS_WITHOUT_PAUSE = 3
FIRST_PAUSE_S = 5
# 65,535 boots at this pace last 45 days: time to notice.
LONGEST_PAUSE_S = 60


class NumbersSpent(Exception):
    """Every number of the last boot is used: the device must be provisioned again."""


def pause_s(starts):
    """Return how long the n-th start in a row, none of which came to an orderly sleep, waits before it goes on."""
    if starts <= STARTS_WITHOUT_PAUSE:
        return 0
    return min(FIRST_PAUSE_S << min(starts - STARTS_WITHOUT_PAUSE - 1, 8), LONGEST_PAUSE_S)


class Identity:
    """Numbers and times of this boot. `running_s` arguments are seconds of the clock that runs through deep sleep."""

    def __init__(self, boot, seq=0, clock_offset=None, recovery=0, recovery_at=0, quarter=-1):
        self.boot = boot
        self.seq = seq
        self.clock_offset = clock_offset  # Unix seconds minus the running clock; None: the clock is not set
        self.recovery = recovery
        self.recovery_at = recovery_at
        self.quarter = quarter  # the quarter of an hour that already has its heartbeat
        self.beat_at = 0  # running second of the next heartbeat; 0: at once
        self.decoy_at = 0  # ... of the next decoy episode; 0: not drawn yet
        self.ask_until = 0  # ... until which an open alarm's answers are asked for
        self.notes = 0
        self.outside = Outside()

    def is_spent(self):
        """Whether this boot has no number left: the next one must be on flash before it is used."""
        return self.seq >= LAST_SEQ

    def begin_boot(self, boot):
        self.boot, self.seq = boot, 0

    def take_number(self):
        """Return the next (boot, seq); the caller saves the identity before the number is used."""
        if self.is_spent():
            raise NumbersSpent("boot %d has no number left" % self.boot)
        self.seq += 1
        return self.boot, self.seq

    def note(self, what, on):
        """Remember or forget one of the notes; return whether that changed anything."""
        before = self.notes
        self.notes = before | what if on else before & ~what
        return self.notes != before

    def raise_above(self, events):
        """No number of this boot that is in the journal may be used again."""
        for event in events:
            if event.boot == self.boot and event.seq > self.seq:
                self.seq = event.seq

    def unix_s(self, running_s):
        """Return the Unix second, or None without a clock."""
        return None if self.clock_offset is None else running_s + self.clock_offset

    def set_clock(self, unix_s, running_s):
        self.clock_offset = unix_s - running_s

    def recovery_is_due(self, running_s):
        """Whether the recovery alias has been used for its six hours."""
        return self.clock_offset is None and running_s - self.recovery_at >= kinds.RECOVERY_STEP_S

    def alias(self, keys, running_s):
        """Return (period, alias): when the period changes, address and everything visible change with it."""
        unix_s = self.unix_s(running_s)
        if unix_s is None:
            return (RECOVERY_MODE, self.recovery), keys.alias(RECOVERY_MODE, self.recovery)
        index = times.alias_index(unix_s)
        return (CLOCK_MODE, index), keys.alias(CLOCK_MODE, index)
