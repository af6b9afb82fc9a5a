"""The fall detector: one sample in, a verdict out; integer milli-g at 50 Hz, whichever way the device is turned.

Three stages. A blow is the largest sample of a second and more than 1.5 g; nothing else costs more than a comparison. Three
seconds later a model judges the window round it (`fall_features`, `fall_trees`; one model per wearing position). After a
fall it is watched whether the wearer gets up again.
"""

from array import array

from app import fall_features, fall_trees

RATE_HZ = 50
NOTHING, FALL, RISEN = 0, 1, 2
BEFORE_SAMPLES = fall_features.BEFORE
AFTER_SAMPLES = fall_features.AFTER

BLOW_MG = 1500
APART = 50  # samples: of two blows closer than this the larger counts
ONCE_IN = 500  # samples: one fall is told once, however often the body hits something on its way
RISEN_WITHIN = 6000  # samples: two minutes
RISEN_BINS = 5  # half seconds upright and walking, of the last six
UPRIGHT = 820  # of 1024: within 37 degrees of how it was before
WALKING_MG = 40  # mean change between two samples
_KEPT = 512
_MASK = _KEPT - 1


class Detector:
    """Bounded: the last ten seconds of samples and one window; nothing is allocated while nothing is judged."""

    def __init__(self, model):
        self._model = model
        self._x = array("h", bytes(2 * _KEPT))
        self._y = array("h", bytes(2 * _KEPT))
        self._z = array("h", bytes(2 * _KEPT))
        self._now = -1
        self._peak = -1  # the largest sample of this second, and its square
        self._square = BLOW_MG * BLOW_MG - 1
        self._blows = array("i", (-1, -1, -1, -1))  # waiting to be judged, oldest first
        self._window = fall_features.Window()
        self.judged = 0  # windows, since the start
        self.score = 0  # of the last
        self._blow = 0  # the one judged last
        self._told = -ONCE_IN
        self._watch_until = -1
        self._upright = (0, 0, 0, 0)
        self._half_seconds = 0  # one bit each, the newest lowest: upright and walking

    @property
    def values(self):
        """What was measured of the last window (fall_features)."""
        return self._window.values

    def busy(self):
        """Whether a blow waits to be judged, or a fall is watched for getting up."""
        return self._peak >= 0 or self._blows[0] >= 0 or self._watch_until >= 0

    def ago(self):
        """Return how many samples ago the blow was that was judged last."""
        return self._now - self._blow

    def feed(self, x, y, z):
        """Take one sample; return FALL where a fall is decided, RISEN where getting up is seen, else NOTHING."""
        if self._now < 0:
            self._begin(x, y, z)
        self._now = now = self._now + 1
        at = now & _MASK
        self._x[at] = x
        self._y[at] = y
        self._z[at] = z
        square = x * x + y * y + z * z
        if square > self._square:
            self._peak, self._square = now, square
        elif self._peak >= 0 and now - self._peak >= APART:
            self._confirm()
        if now - self._blows[0] == AFTER_SAMPLES - 1 and self._blows[0] >= 0:
            return self._judge()
        if self._watch_until >= 0 and now % fall_features.BIN == 0:
            return self._watch()
        return NOTHING

    def _begin(self, x, y, z):
        """Before the first sample it was as in the first sample."""
        for at in range(_KEPT):
            self._x[at] = x
            self._y[at] = y
            self._z[at] = z

    def _confirm(self):
        blows = self._blows
        for number in range(len(blows)):
            if blows[number] < 0:
                blows[number] = self._peak
                break
        self._peak, self._square = -1, BLOW_MG * BLOW_MG - 1

    def _judge(self):
        blows = self._blows
        self._blow = blows[0]
        for number in range(len(blows) - 1):
            blows[number] = blows[number + 1]
        blows[len(blows) - 1] = -1
        self._window.measure(self._x, self._y, self._z, self._blow - BEFORE_SAMPLES, _MASK)
        self.score = fall_trees.score(self._model, self._window.values)
        self.judged += 1
        if self.score < self._model.LIMIT or self._now - self._told < ONCE_IN:
            return NOTHING
        self._told = self._now
        self._watch_until = self._now + RISEN_WITHIN
        self._upright = self._mean(self._blow - BEFORE_SAMPLES, 2 * fall_features.BIN)
        self._half_seconds = 0
        return FALL

    def _mean(self, first, count):
        a = b = c = 0
        for number in range(first, first + count):
            at = number & _MASK
            a += self._x[at]
            b += self._y[at]
            c += self._z[at]
        a, b, c = a // count, b // count, c // count
        return a, b, c, fall_features.root(a * a + b * b + c * c, 1000)

    def _watch(self):
        """Look at the last half second: whoever is upright again and walks has got up."""
        count = fall_features.BIN
        first = self._now - count + 1
        upright = fall_features.cosine(self._mean(first, count), self._upright) >= UPRIGHT
        walking = self._changes(first, count) >= WALKING_MG * count
        self._half_seconds = (self._half_seconds << 1 | (upright and walking)) & 63
        bits, seen = self._half_seconds, 0
        while bits:
            seen += bits & 1
            bits >>= 1
        risen = seen >= RISEN_BINS
        if risen or self._now >= self._watch_until:
            self._watch_until = -1
        return RISEN if risen else NOTHING

    def _changes(self, first, count):
        """Return the sum of the changes from sample to sample, mg."""
        total, far = 0, 100
        for number in range(first, first + count):
            at, last = number & _MASK, (number - 1) & _MASK
            a, b, c = self._x[at] - self._x[last], self._y[at] - self._y[last], self._z[at] - self._z[last]
            far = fall_features.root(a * a + b * b + c * c, far or 1)
            total += far
        return total

    def evidence(self, buffer):
        """Fill triples of int8 at 25 Hz, 64 mg a count, oldest first, from 2 s before the blow judged last.

        Of each two samples the stronger is told, so that the blow keeps its height.
        """
        first = self._blow - 2 * RATE_HZ
        for number in range(len(buffer) // 3):
            at = (first + 2 * number) & _MASK
            if self._square_at(at + 1 & _MASK) > self._square_at(at):
                at = at + 1 & _MASK
            for axis, ring in enumerate((self._x, self._y, self._z)):
                value = (ring[at] + 32) // 64
                buffer[3 * number + axis] = max(-128, min(127, value)) & 0xFF

    def _square_at(self, at):
        x, y, z = self._x[at], self._y[at], self._z[at]
        return x * x + y * y + z * z
