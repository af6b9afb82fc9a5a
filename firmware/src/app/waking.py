"""When the processor is awake for motion: what the accelerometer's own thresholds wake it for, and the quiet that ends it.

Asleep until the chip wakes it; then the seconds the chip has kept are looked at first, and it stays awake while the
detector follows something and until so long nothing has stirred. Integer milli-g at 50 Hz, no memory taken for a sample.
"""

SLOPE_MG = 250  # between two samples, on any axis
FREE_FALL_MG = 500  # all three axes below it ...
FREE_FALL_SAMPLES = 4  # ... for so many samples
QUIET_SAMPLES = 200
# Of what the chip keeps (9.8 s) so much is there for sure when a wake is looked at, half a second of booting included.
BEFORE_SAMPLES = 400


class Waking:
    """Fed with every sample that is looked at; asks nothing of the hardware."""

    def __init__(self):
        self._x = self._y = self._z = 0
        self._begun = False  # the first sample has none before it to differ from
        self._low = 0
        self._quiet = QUIET_SAMPLES

    def feed(self, x, y, z):
        """Take a sample in milli-g; return whether the accelerometer would wake the processor at it."""
        stirs = self._begun and (
            not -SLOPE_MG < x - self._x < SLOPE_MG
            or not -SLOPE_MG < y - self._y < SLOPE_MG
            or not -SLOPE_MG < z - self._z < SLOPE_MG
        )
        self._begun = True
        self._x = x
        self._y = y
        self._z = z
        if (
            -FREE_FALL_MG < x < FREE_FALL_MG
            and -FREE_FALL_MG < y < FREE_FALL_MG
            and -FREE_FALL_MG < z < FREE_FALL_MG
        ):
            self._low += 1
            stirs = stirs or self._low >= FREE_FALL_SAMPLES
        else:
            self._low = 0
        self._quiet = 0 if stirs else self._quiet + 1
        return stirs

    def wake(self):
        """The chip has woken the processor, whatever the samples say: the quiet counts from now."""
        self._quiet = 0

    def may_sleep(self, busy):
        """Whether the processor may sleep again; `busy` is the detector's."""
        return not busy and self._quiet >= QUIET_SAMPLES
