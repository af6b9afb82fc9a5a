"""LSM6DSOX accelerometer: 52 Hz into the FIFO while the processor sleeps, wake-up and free-fall interrupts.

Registers and codes: STMicroelectronics lsm6dsox-pid (names as there), datasheet DS12140 for the self-test, AN5130 (the
sister part's, same block) for the slope filter.
"""

import time
from asyncio import ThreadSafeFlag

from machine import Pin

ADDRESS = 0x6A
_WHO_AM_I, _IDENTITY = 0x0F, 0x6C
_FIFO_CTRL1, _FIFO_CTRL3, _FIFO_CTRL4 = 0x07, 0x09, 0x0A
_CTRL1_XL, _CTRL3_C, _CTRL5_C, _CTRL6_C, _CTRL9_XL = 0x10, 0x12, 0x14, 0x15, 0x18
_ALL_INT_SRC, _OUT, _FIFO_STATUS1, _FIFO_DATA = 0x1A, 0x28, 0x3A, 0x78
_TAP_CFG0, _TAP_CFG2, _WAKE_UP_THS, _WAKE_UP_DUR, _FREE_FALL, _MD1_CFG, _I3C = (
    0x56,
    0x58,
    0x5B,
    0x5C,
    0x5D,
    0x5E,
    0x62,
)

_ODR_52 = 0x30
_ULTRA_LOW_POWER = 0x80
_FS_8G = 0x0C  # 0.244 mg a count: 8 g hold every fall and waste no resolution
_SELF_TEST_MG = (50, 1700)  # DS12140: the difference each axis must show
_TAG_ACCELEROMETER = 0x02
_FREE_FALL_AND_WAKE_UP = 0x30
# The chip compares half the difference of two samples (AN5130): 1 * FS / 64 = 125 mg wakes at 250 mg between samples. Is
# it the whole difference on this part, 125 mg wake: more often, never less.
_WAKE_UP_SLOPE = 0x01
_FREE_FALL_500_MG_4_SAMPLES = 4 << 3 | 7
_FIRST_SLOPES_MS = 60  # the first slope after the start is gravity itself: it must not wake
_WORD = 7
_WORDS_AT_ONCE = 32
# 26 samples at 52 Hz are 25 at 50 Hz.
_STEPS = 26
_PARTS = 25
# 0.244 mg a count is 61 / 250; the parts of an interpolation are divided out together with it.
_MG_NUMERATOR, _MG_DENOMINATOR = 61, 250 * _PARTS


class NotAnswering(OSError):
    """The chip does not answer, or answers with another chip's identity."""


def _milli_g(parts):
    """Return milli-g, rounded, of counts * 25 at 8 g. Below 2^30 on the way, so no memory is taken for it."""
    return (parts * _MG_NUMERATOR + _MG_DENOMINATOR // 2) // _MG_DENOMINATOR


class Accelerometer:
    """Samples come as int16 milli-g triples at 50 Hz: the chip's 52 Hz, interpolated linearly with integers."""

    def __init__(self, i2c, interrupt, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._one = bytearray(1)
        self._words = bytearray(_WORD * _WORDS_AT_ONCE)
        self._status = bytearray(2)
        self._step = _STEPS  # the first sample of the chip is the first that is given
        self._x = self._y = self._z = 0  # counts of the chip's sample before
        self.armed = False  # its interrupt line means something
        self.moved = ThreadSafeFlag()
        self._interrupt = interrupt
        interrupt.irq(self._fell, Pin.IRQ_FALLING)

    def _fell(self, pin):
        self.moved.set()

    def _write(self, register, value):
        self._one[0] = value
        self._i2c.writeto_mem(self._address, register, self._one)

    def _read(self, register):
        self._i2c.readfrom_mem_into(self._address, register, self._one)
        return self._one[0]

    def present(self):
        try:
            return self._read(_WHO_AM_I) == _IDENTITY
        except OSError:
            return False

    def configured(self):
        """Whether the chip still runs as start() left it, as it does through the processor's deep sleep."""
        self.armed = (
            self.present()
            and self._read(_CTRL1_XL) == _ODR_52 | _FS_8G
            and self._read(_CTRL5_C) == _ULTRA_LOW_POWER
            and self._read(_FIFO_CTRL4) & 7 == 6
            and self._read(_MD1_CFG) == _FREE_FALL_AND_WAKE_UP
            and self._read(_WAKE_UP_THS) == _WAKE_UP_SLOPE
            and self._read(_FREE_FALL) == _FREE_FALL_500_MG_4_SAMPLES
        )
        return self.armed

    def start(self):
        """Reset, set up 52 Hz into a FIFO that keeps the newest seconds, arm the interrupts, read back."""
        if not self.present():
            raise NotAnswering("the accelerometer does not answer")
        self._write(_CTRL3_C, 0x01)
        for _ in range(20):
            if not self._read(_CTRL3_C) & 0x01:
                break
            time.sleep_ms(1)
        # Block update, register auto-increment, interrupt active low and open drain, as the board's pull-up wants it.
        self._write(_CTRL3_C, 0x40 | 0x04 | 0x20 | 0x10)
        self._write(_CTRL9_XL, 0xE2)
        self._write(_I3C, 0x01)  # no pull-down inside: the line has the board's pull-up
        # Ultra-low power, set while the chip is off: a third of low power's current, and a noise of 5 mg that no fall
        # is lost in. The bit for low power stays clear.
        self._write(_CTRL1_XL, 0x00)
        self._write(_CTRL6_C, 0x00)
        self._write(_CTRL5_C, _ULTRA_LOW_POWER)
        self._write(_CTRL1_XL, _ODR_52 | _FS_8G)
        self._write(_FIFO_CTRL1, 0x00)
        self._write(_FIFO_CTRL3, 0x03)  # accelerometer at 52 Hz
        self._write(_FIFO_CTRL4, 0x06)  # continuous: the oldest goes
        self._write(_TAP_CFG0, 0x41)  # latched until read; slope filter
        self._write(_WAKE_UP_THS, _WAKE_UP_SLOPE)
        self._write(_WAKE_UP_DUR, 0x00)  # at once; thresholds in FS / 64
        self._write(_FREE_FALL, _FREE_FALL_500_MG_4_SAMPLES)
        time.sleep_ms(_FIRST_SLOPES_MS)
        self._write(_TAP_CFG2, 0x80)
        self._write(_MD1_CFG, _FREE_FALL_AND_WAKE_UP)  # on INT1
        if not self.configured():
            raise NotAnswering("the accelerometer does not keep its settings")

    def sources(self):
        """Return and clear what raised the interrupt."""
        return self._read(_ALL_INT_SRC)

    def read_fifo(self, take):
        """Call take(x, y, z) in milli-g for the 50 Hz samples of the oldest 32 words; return whether words are left.

        Where it is between two samples of the chip is kept from one call to the next.
        """
        waiting = self._waiting()
        words = min(waiting, _WORDS_AT_ONCE)
        if words:
            view = memoryview(self._words)[: words * _WORD]
            self._i2c.readfrom_mem_into(self._address, _FIFO_DATA, view)
        for start in range(0, words * _WORD, _WORD):
            if self._words[start] >> 3 == _TAG_ACCELEROMETER:
                self._pass_on(start + 1, take)
        return waiting > words

    def _waiting(self):
        self._i2c.readfrom_mem_into(self._address, _FIFO_STATUS1, self._status)
        return self._status[0] | (self._status[1] & 0x03) << 8

    def _pass_on(self, start, take):
        """Take one sample at 52 Hz; give the one at 50 Hz that lies between it and the one before, if there is one.

        Sample k at 50 Hz lies at 26 k / 25 of the chip's: k / 25 of a step further with each, and after 25 of them once
        between the next two.
        """
        words = self._words
        # Little endian; the sign by (u ^ 2^15) - 2^15.
        x = ((words[start] | words[start + 1] << 8) ^ 0x8000) - 0x8000
        y = ((words[start + 2] | words[start + 3] << 8) ^ 0x8000) - 0x8000
        z = ((words[start + 4] | words[start + 5] << 8) ^ 0x8000) - 0x8000
        now = self._step - 1  # parts of the new sample; the rest is the one before
        if now:
            before = _PARTS - now
            take(
                _milli_g(self._x * before + x * now),
                _milli_g(self._y * before + y * now),
                _milli_g(self._z * before + z * now),
            )
        self._x = x
        self._y = y
        self._z = z
        self._step = self._step % _STEPS + 1

    def self_test(self):
        """Return whether each axis moves as the datasheet asks when the chip pushes itself; start() again afterwards."""
        self._write(_CTRL1_XL, 0x00)
        self._write(_CTRL5_C, 0x00)
        self._write(_CTRL3_C, 0x44)
        self._write(_CTRL1_XL, 0x38)  # 52 Hz, 4 g
        rest = self._mean()
        self._write(_CTRL5_C, 0x01)
        pushed = self._mean()
        self._write(_CTRL5_C, 0x00)
        low, high = _SELF_TEST_MG
        return all([low <= abs(b - a) <= high for a, b in zip(rest, pushed)])

    def _mean(self):
        """Wait 100 ms, drop one sample, average five: milli-g at 4 g."""
        time.sleep_ms(120)
        sums = [0, 0, 0]
        six = bytearray(6)
        for _ in range(5):
            time.sleep_ms(20)
            self._i2c.readfrom_mem_into(self._address, _OUT, six)
            for axis in range(3):
                raw = six[axis * 2] | six[axis * 2 + 1] << 8
                sums[axis] += raw - 0x10000 if raw & 0x8000 else raw
        return [value * 122 // 5000 for value in sums]
