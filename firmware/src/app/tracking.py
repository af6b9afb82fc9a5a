"""Where the wearer is: which fixes are kept, when the receiver may be switched on, and for how long.

The modem is deaf while it looks for satellites. So it looks in short turns, only after the gateway has answered or could
not, and never for what it knows already.
"""

from app.outside import Fix

# A fix is kept when the last kept one is so old or so far away.
KEEP_EVERY_S = 10
KEEP_EVERY_M = 20
# One telemetry message carries so many full forms.
MOST_FIXES = 16
# A search that has had no fix goes on for so long: a cold start takes 30 s under the open sky, in a street more.
SEARCH_S = 60
# After a search without any fix (indoors) the next begins so much later; doubled each time, at the most eight times.
AFTER_NOTHING_S = 60
# A fix of this age serves as it is: the receiver is not switched on for what is known.
FRESH_S = 30
# Without an answer the receiver waits until the wearer has been told so, and the first text message is out.
UNANSWERED_MS = 20_000
# From the end of a turn until the broker is reached again takes 5 to 40 s; who is not there by then is not for now.
BACK_ON_AIR_MS = 60_000
# Ephemerides serve for about two hours, the almanac and a rough place for some weeks.
HOT_S = 2 * 3600
WARM_S = 14 * 86_400

# Thousandths of the cosine for each fifth degree from 0 to 90: metres in a degree of longitude, without a float.
_COSINES = (1000, 996, 985, 966, 940, 906, 866, 819, 766, 707, 643, 574, 500, 423, 342, 259, 174, 87, 0)
_MM_IN_DEGREE = 111_195_000


def fix_of(said, running_s):
    """Return the Fix in what the receiver said, or None where it is no place on earth."""
    lat, lon = said["lat_e7"], said["lon_e7"]
    if not (-900_000_000 <= lat <= 900_000_000 and -1_800_000_000 <= lon <= 1_800_000_000):
        return None
    if lat == 0 and lon == 0:
        return None  # a receiver without a place prints this one
    return Fix(lat, lon, min(max(said["radius_m"], 1), 65_535), running_s)


def metres(one, other):
    """Return about how far apart two fixes are; good to a per cent within a city, and never too little by more."""
    cosine = _cosine(abs(one.lat_e7 + other.lat_e7) // 2)
    north = abs(one.lat_e7 - other.lat_e7)
    east = abs(one.lon_e7 - other.lon_e7)
    if east > 1_800_000_000:
        east = 3_600_000_000 - east
    north = north * (_MM_IN_DEGREE // 1000) // 10_000_000
    east = east * (_MM_IN_DEGREE // 1000) // 10_000_000 * cosine // 1000
    return _root(north * north + east * east)


def _cosine(lat_e7):
    step = 50_000_000
    below = min(lat_e7 // step, len(_COSINES) - 2)
    part = lat_e7 - below * step
    return _COSINES[below] + (_COSINES[below + 1] - _COSINES[below]) * part // step


def _root(square):
    """Return the whole square root."""
    if square < 2:
        return square
    guess = 1 << (len(bin(square)) - 1) // 2 + 1
    while True:
        better = (guess + square // guess) // 2
        if better >= guess:
            return guess
        guess = better


class Track:
    """The fixes of one turn that are worth sending, oldest first; bounded."""

    def __init__(self):
        self.fixes = []

    def take(self, fix):
        """Keep a fix if it says something new; return whether it does."""
        if self.fixes:
            last = self.fixes[-1]
            if fix.at_s - last.at_s < KEEP_EVERY_S and metres(fix, last) < KEEP_EVERY_M:
                return False
        if len(self.fixes) >= MOST_FIXES:
            # The whole way in half the detail is worth more than the end of it in all.
            self.fixes = self.fixes[::2]
        self.fixes.append(fix)
        return True


def too_many(positions):
    """Return those of the waiting positions, oldest first, that go when there are more than two messages full of them."""
    return positions[: MOST_FIXES * 2 : 2] if len(positions) > MOST_FIXES * 2 else []


def start_kind(age_s, kept_power):
    """Return how the receiver starts, from the age of the last fix (None: never) and whether its memory had power."""
    if age_s is None or not kept_power:
        return "cold"
    if age_s <= HOT_S:
        return "hot"
    return "warm" if age_s <= WARM_S else "cold"


def turn_is_over(on_s, fixes, turn_s):
    """Whether a turn that has been on for so long ends now: its time is up, with a fix or after a whole search."""
    return on_s >= (turn_s if fixes else max(turn_s, SEARCH_S))


def rest_after_s(empty_turns, between_s):
    """Return how long the device is on the air after a turn: longer when turn after turn found nothing."""
    if not empty_turns:
        return between_s
    return max(between_s, AFTER_NOTHING_S << min(empty_turns - 1, 3))


def turn_due_ms(alarms, now_ms, heard_ms, rest_ms):
    """Return how long until a turn for the open alarms may begin, 0 for now, -1 while none is open or one still waits.

    `heard_ms` is when the gateway last told something new (-1: never), `rest_ms` how long the device then stays on the
    air, so that an officer who is quick is felt.
    """
    due = -1
    for event in alarms:
        if not event.is_alarm() or event.is_over():
            continue
        at = event.born_ms + UNANSWERED_MS if event.waits() else heard_ms + rest_ms
        due = max(due, at - now_ms, 0)
    return due


def is_fresh(fix, running_s):
    """Whether a fix serves as it is."""
    return fix is not None and 0 <= running_s - fix.at_s < FRESH_S
