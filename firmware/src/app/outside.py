"""What a device with a modem remembers through deep sleep: last fix, last cell, faults and who knows them, its pauses."""

from typing import TYPE_CHECKING

from sos_wire import kinds

# (name, struct code, at the beginning). Times are seconds of the clock that runs through deep sleep.
FIELDS = (
    ("has_fix", "B", 0),
    ("lat_e7", "i", 0),
    ("lon_e7", "i", 0),
    ("radius_m", "H", 0),
    ("fix_at_s", "q", 0),
    ("mcc", "H", 0),
    ("mnc", "H", 0),
    ("tac", "H", 0),
    ("cell", "I", 0),
    ("rssi_dbm", "b", 0),
    ("faults", "H", 0),  # bits of kinds.FAULT_: what a way out cannot do now
    ("told", "H", 0),  # ... of those: an answer has shown that the gateway knows
    ("texted", "H", 0),  # ... and those a text message went out about
    ("faulty_since_s", "q", 0),
    ("text_fault_at_s", "q", -1),
    ("try_at_s", "q", 0),  # the broker is not looked for again before this
    ("asked_at_s", "q", -1_000_000),  # when an open alarm's answers were last asked for
    ("failures", "B", 0),  # in a row, to reach it
    ("looked_at_s", "q", 0),  # when it was last seen whether she moves
    ("moved_s", "H", 0),  # seconds of moving since the last position
    ("assist_at_s", "q", 0),  # the modem's assistance for its receiver is not asked for before this
    ("kept_power", "B", 0),  # the modem has had power since the last fix: its receiver starts warm
)
FORMAT = "".join([row[1] for row in FIELDS])
# Between two heartbeats; who was seen moving at both is taken to have moved meanwhile.
LONGEST_LOOK_S = 900
_MOST = {"B": 255, "H": 65_535}


class Fix:
    """A place: position, how sure, and when by the clock that runs through deep sleep."""

    def __init__(self, lat_e7, lon_e7, radius_m, at_s):
        self.lat_e7 = lat_e7
        self.lon_e7 = lon_e7
        self.radius_m = radius_m
        self.at_s = at_s


class Outside:
    """One attribute for each row of FIELDS."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> int: ...

        def __setattr__(self, name: str, value: int) -> None: ...

    def __init__(self, values=None):
        for index, row in enumerate(FIELDS):
            setattr(self, row[0], row[2] if values is None else values[index])

    def values(self):
        return [min(getattr(self, row[0]), _MOST.get(row[1], 1 << 62)) for row in FIELDS]

    @property
    def fix(self):
        """The last fix, or None."""
        if not self.has_fix:
            return None
        return Fix(self.lat_e7, self.lon_e7, self.radius_m, self.fix_at_s)

    def found(self, fix):
        """Remember a fix as the last one."""
        self.has_fix = 1
        self.lat_e7, self.lon_e7 = fix.lat_e7, fix.lon_e7
        self.radius_m, self.fix_at_s = fix.radius_m, fix.at_s

    def heard_cell(self, said):
        """Remember the cell the modem is in; what it cannot say stays as it was."""
        if not said.get("cell"):
            return
        self.mcc, self.mnc, self.tac = said["mcc"] & 0xFFFF, said["mnc"] & 0xFFFF, said["tac"] & 0xFFFF
        self.cell = said["cell"] & 0xFFFFFFFF
        self.rssi_dbm = min(max(said["rssi_dbm"], -128), 0)

    def fault(self, bits, now_s):
        """Note faults of a way out; return whether one of them is new."""
        known = self.faults
        self.faults = known | bits
        if bits and not known:
            self.faulty_since_s = now_s
        return bool(bits & ~known)

    def looked(self, stirs, now_s):
        """She moves, or does not: that is taken for the time since the last look, a quarter of an hour at the most."""
        since_s = now_s - self.looked_at_s
        self.looked_at_s = now_s
        if stirs and since_s > 0:
            self.moved_s += min(since_s, LONGEST_LOOK_S)

    def works(self, bits):
        """What these faults spoke of works again: the next time is told anew."""
        changed = bool(self.faults & bits)
        self.faults &= ~bits
        self.told &= ~bits
        self.texted &= ~bits
        return changed

    @staticmethod
    def age_s(fix, unix_s, event_unix_s, running_s):
        """Return the age of a fix in whole seconds as the wire has it: at the event's own time where clocks tell, else now.

        One that is younger than the event has age 0: the receiver of the frame reckons from the event.
        """
        now = running_s - fix.at_s
        if unix_s is not None and event_unix_s:
            now -= unix_s - event_unix_s
        return min(max(now, 0), kinds.AGE_UNKNOWN - 1)
