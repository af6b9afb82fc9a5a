"""The sky over a wearer: where the wearer is, how many satellites are seen, and how far a fix is off."""

import math
import random
from bisect import bisect_right

from ..chips.sim7080g.line import Fix

METRES_PER_DEGREE = 111_320.0
# What one unit of HDOP is worth: the error of a single range on such a receiver (general knowledge, 3 to 5 m).
METRES_PER_HDOP = 4.0
OPEN_SATELLITES, INDOOR_SATELLITES = (7, 14), (0, 3)
NEEDED = 4
JITTER_US = 1_000_000  # the noise is drawn anew every second


class Sky:
    """Follows a wearer's way. `indoors` may be set at any time; the noise of a moment is always the same."""

    def __init__(self, chance: random.Random, latitude: float = 41.2649, longitude: float = 1.9866) -> None:
        self._seed = chance.getrandbits(64)
        self._times: list[int] = [0]
        self._places: list[tuple[float, float]] = [(latitude, longitude)]
        self.indoors = False
        self.altitude_m = 5.0

    def go(self, t_us: int, latitude: float, longitude: float) -> None:
        """Be there at that time, walking straight from where one was before."""
        at = bisect_right(self._times, t_us)
        self._times.insert(at, t_us)
        self._places.insert(at, (latitude, longitude))

    def place(self, t_us: int) -> tuple[float, float]:
        """Return where the wearer really is."""
        after = bisect_right(self._times, t_us)
        if after == 0 or after == len(self._times):
            return self._places[max(0, after - 1)]
        start, end = self._times[after - 1], self._times[after]
        share = (t_us - start) / (end - start)
        (from_lat, from_lon), (to_lat, to_lon) = self._places[after - 1], self._places[after]
        return from_lat + (to_lat - from_lat) * share, from_lon + (to_lon - from_lon) * share

    def _motion(self, t_us: int) -> tuple[float, float]:
        """Return speed in km/h and course in degrees."""
        (lat, lon), (then_lat, then_lon) = self.place(t_us - 1_000_000), self.place(t_us)
        north = (then_lat - lat) * METRES_PER_DEGREE
        east = (then_lon - lon) * METRES_PER_DEGREE * math.cos(math.radians(lat))
        return math.hypot(north, east) * 3.6, math.degrees(math.atan2(east, north)) % 360

    def fix_at(self, t_us: int) -> Fix | None:
        """Return what a receiver that has started would say now; None with too few satellites."""
        draw = random.Random(self._seed ^ t_us // JITTER_US)
        satellites = draw.randint(*(INDOOR_SATELLITES if self.indoors else OPEN_SATELLITES))
        if satellites < NEEDED:
            return None
        hdop = max(0.7, 9.0 / satellites + draw.gauss(0, 0.1))
        latitude, longitude = self.place(t_us)
        sigma_m = METRES_PER_HDOP * hdop / math.sqrt(2)  # in each direction
        latitude += draw.gauss(0, sigma_m) / METRES_PER_DEGREE
        longitude += draw.gauss(0, sigma_m) / (METRES_PER_DEGREE * math.cos(math.radians(latitude)))
        speed, course = self._motion(t_us)
        altitude = self.altitude_m + draw.gauss(0, 2 * sigma_m)
        return Fix(
            latitude, longitude, altitude, speed, course, hdop, satellites, METRES_PER_HDOP * hdop * 1.6
        )
