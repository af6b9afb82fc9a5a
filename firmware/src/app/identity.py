"""Who we are on the air now: boot, sequence, clock and alias, kept through deep sleep under one CRC."""

from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE

PROVISION_AGAIN_FROM = 65_000
LAST_BOOT = 65_535


class Identity:
    """Numbers and times of this boot. `uptime_s` arguments are seconds of the clock that runs through deep sleep."""

    def __init__(self, boot, seq=0, clock_offset=None, recovery=0, recovery_at=0, quarter=-1):
        self.boot = boot
        self.seq = seq
        self.clock_offset = clock_offset  # Unix seconds minus the running clock; None: the clock is not set
        self.recovery = recovery
        self.recovery_at = recovery_at
        self.quarter = quarter  # the quarter of an hour that already has its heartbeat

    def take_number(self):
        """Return the next (boot, seq); the caller saves the identity before the number is used."""
        if self.seq >= 65_535:
            self.boot, self.seq = min(self.boot + 1, LAST_BOOT), 0
        self.seq += 1
        return self.boot, self.seq

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
