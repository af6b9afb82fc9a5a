"""The first fall detector: free fall, impact, stillness, change of tilt. One sample in, a verdict out.

Integer milli-g at 50 Hz; nothing depends on how the device is turned. A later detector fills the same class.
"""

RATE_HZ = 50
NOTHING = 0
FALL = 1

FREE_FALL_MG = 600  # below this for some samples: the body drops
FREE_FALL_SAMPLES = 4
IMPACT_MG = 2200
IMPACT_WITHIN = 60  # samples after the drop
SETTLE = 75  # samples after the impact that are not looked at: the body still rolls
STILL_SAMPLES = 100
STILL_SPREAD_MG = 180  # a person who lies still breathes; who sits at a table reaches for the cup
TILT_COSINE = 700  # of 1000: turned by more than 45 degrees

_WATCHING = 0
_DROPPED = 1
_SETTLING = 2
_LYING = 3


def _square(x, y, z):
    return x * x + y * y + z * z


class Detector:
    """Bounded: six sums and a few counters, no history of samples."""

    def __init__(self):
        self._state = _WATCHING
        self._count = 0
        self._low = 0
        self._base = [0, 0, 0]  # slow mean of gravity before, in milli-g * 64
        self._before = (0, 0, 1000)
        self._sum = [0, 0, 0]
        self._least = self._most = 0

    def busy(self):
        """Whether something has begun whose end is still to be seen."""
        return self._state != _WATCHING

    def feed(self, x, y, z):
        """Take one sample; return FALL at the sample where a fall is decided, else NOTHING."""
        square = _square(x, y, z)
        if self._state == _WATCHING:
            self._watch(x, y, z, square)
        elif self._state == _DROPPED:
            self._await_impact(square)
        elif self._state == _SETTLING:
            self._count += 1
            if self._count >= SETTLE:
                self._state, self._count = _LYING, 0
                self._sum = [0, 0, 0]
                self._least, self._most = square, square
        else:
            return self._lie(x, y, z, square)
        return NOTHING

    def _watch(self, x, y, z, square):
        if square < FREE_FALL_MG * FREE_FALL_MG:
            self._low += 1
            if self._low >= FREE_FALL_SAMPLES:
                self._before = tuple([value // 64 for value in self._base])
                self._state, self._count = _DROPPED, 0
            return
        self._low = 0
        for axis, value in enumerate((x, y, z)):
            self._base[axis] += value - self._base[axis] // 64
        if square >= (IMPACT_MG * 3 // 2) * (IMPACT_MG * 3 // 2):
            # A hard blow without a drop before it: a fall against something, or from a chair.
            self._before = tuple([value // 64 for value in self._base])
            self._hit()

    def _await_impact(self, square):
        self._count += 1
        if square >= IMPACT_MG * IMPACT_MG:
            self._hit()
        elif self._count >= IMPACT_WITHIN:
            self._again()

    def _hit(self):
        self._state, self._count = _SETTLING, 0

    def _lie(self, x, y, z, square):
        self._count += 1
        for axis, value in enumerate((x, y, z)):
            self._sum[axis] += value
        self._least, self._most = min(self._least, square), max(self._most, square)
        if self._count < STILL_SAMPLES:
            return NOTHING
        now = tuple([value // STILL_SAMPLES for value in self._sum])
        # Spread of the squared magnitude around 1 g: 2 g d = 2000 * d.
        still = self._most - self._least <= 2000 * STILL_SPREAD_MG
        turned = self._turned(self._before, now)
        self._again()
        return FALL if still and turned else NOTHING

    @staticmethod
    def _turned(before, now):
        """Whether gravity has turned by more than the angle, compared without a root."""
        dot = before[0] * now[0] + before[1] * now[1] + before[2] * now[2]
        if dot <= 0:
            return True
        lengths = _square(before[0], before[1], before[2]) * _square(now[0], now[1], now[2])
        return dot * dot * 1_000_000 < TILT_COSINE * TILT_COSINE * lengths

    def _again(self):
        self._state, self._count, self._low = _WATCHING, 0, 0
