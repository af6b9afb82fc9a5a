"""The first fall detector: free fall, impact, stillness, change of tilt. One sample in, a verdict out.

Integer milli-g at 50 Hz; nothing depends on how the device is turned. A later detector fills the same class.
"""

RATE_HZ = 50
NOTHING = 0
FALL = 1
RISEN = 2

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

# Who fell is looked at for so long; she is up when gravity is where it was and three seconds in a row are steps.
RISES_WITHIN = 120 * RATE_HZ
WALKING_SECONDS = 3
STEPS_SPREAD_MG = 200

# The last 5.6 s as evidence has them: int8 triples at 25 Hz, 64 mg a count, in a ring.
UNIT_MG = 64
RING = 140
EVIDENCE = 125
EVIDENCE_BEFORE = 50


def _square(x, y, z):
    return x * x + y * y + z * z


class Detector:
    """Bounded: nine sums, a few counters, and 420 bytes of what was felt last."""

    def __init__(self):
        self._state = _WATCHING
        self._count = 0
        self._low = 0
        self._base = [0, 0, 0]  # slow mean of gravity before, in milli-g * 64
        self._before = [0, 0, 1000]
        self._sum = [0, 0, 0]
        self._least = self._most = 0
        self._ring = bytearray(3 * RING)
        self._fed = 0  # samples so far
        self._blow = 0  # ... at the blow
        self._stood = (0, 0, 1000)  # gravity before the fall
        self._rises = 0  # samples left in which she may rise
        self._walked = 0  # seconds in a row
        self._second = [0, 0, 0]
        self._low_square, self._high_square = 1 << 29, 0

    def busy(self):
        """Whether something has begun whose end is still to be seen."""
        return self._state != _WATCHING or self._rises > 0

    def feed(self, x, y, z):
        """Take one sample; return FALL or RISEN at the sample where that is decided, else NOTHING."""
        self._remember(x, y, z)
        verdict = self._judge(x, y, z)
        if verdict == FALL:
            self._stood, self._rises = self._before, RISES_WITHIN
            self._begin_second(0)
        elif self._rises and self._rise(x, y, z):
            return RISEN
        return verdict

    def ago(self):
        """At FALL: samples since the blow."""
        return self._fed - 1 - self._blow

    def evidence(self, buffer):
        """At FALL: fill a bytearray(375) with 125 int8 triples at 25 Hz, oldest first, the blow being the 51st."""
        first = self._blow // 2 - EVIDENCE_BEFORE
        for i in range(EVIDENCE):
            at = first + i
            for axis in range(3):
                buffer[3 * i + axis] = self._ring[at % RING * 3 + axis] if at >= 0 else 0

    def _remember(self, x, y, z):
        if self._fed % 2 == 0:
            start = self._fed // 2 % RING * 3
            for axis, value in enumerate((x, y, z)):
                self._ring[start + axis] = max(-128, min(127, (value + UNIT_MG // 2) // UNIT_MG)) & 0xFF
        self._fed += 1

    def _begin_second(self, walked):
        self._walked = walked
        self._second = [0, 0, 0]
        self._low_square, self._high_square = 1 << 29, 0

    def _rise(self, x, y, z):
        """Return whether the last seconds were steps of somebody who stands as she stood before."""
        self._rises -= 1
        square = _square(x, y, z)
        self._low_square, self._high_square = min(self._low_square, square), max(self._high_square, square)
        for axis, value in enumerate((x, y, z)):
            self._second[axis] += value
        if self._rises % RATE_HZ:
            return False
        mean = tuple([value // RATE_HZ for value in self._second])
        steps = self._high_square - self._low_square >= 2000 * STEPS_SPREAD_MG
        upright = not self._turned(self._stood, mean)
        self._begin_second(self._walked + 1 if steps and upright else 0)
        if self._walked < WALKING_SECONDS:
            return False
        self._rises = 0
        return True

    def _judge(self, x, y, z):
        """Return FALL at the sample where a fall is decided, else NOTHING."""
        square = _square(x, y, z)
        if self._state == _WATCHING:
            self._watch(x, y, z, square)
        elif self._state == _DROPPED:
            self._await_impact(square)
        elif self._state == _SETTLING:
            self._count += 1
            if self._count >= SETTLE:
                self._state, self._count = _LYING, 0
                self._sum[0] = self._sum[1] = self._sum[2] = 0
                self._least, self._most = square, square
        else:
            return self._lie(x, y, z, square)
        return NOTHING

    def _watch(self, x, y, z, square):
        if square < FREE_FALL_MG * FREE_FALL_MG:
            self._low += 1
            if self._low >= FREE_FALL_SAMPLES:
                self._keep_before()
                self._state, self._count = _DROPPED, 0
            return
        self._low = 0
        base = self._base
        base[0] += x - base[0] // 64
        base[1] += y - base[1] // 64
        base[2] += z - base[2] // 64
        if square >= (IMPACT_MG * 3 // 2) * (IMPACT_MG * 3 // 2):
            # A hard blow without a drop before it: a fall against something, or from a chair.
            self._keep_before()
            self._hit()

    def _keep_before(self):
        for axis in range(3):
            self._before[axis] = self._base[axis] // 64

    def _await_impact(self, square):
        self._count += 1
        if square >= IMPACT_MG * IMPACT_MG:
            self._hit()
        elif self._count >= IMPACT_WITHIN:
            self._again()

    def _hit(self):
        self._state, self._count = _SETTLING, 0
        self._blow = self._fed - 1

    def _lie(self, x, y, z, square):
        self._count += 1
        self._sum[0] += x
        self._sum[1] += y
        self._sum[2] += z
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
