"""LSM6DSOX accelerometer: 52 Hz into the FIFO while the processor sleeps, wake-up and free-fall interrupts.

Registers and codes: STMicroelectronics lsm6dsox-pid (names as there), datasheet DS12140 for the self-test.
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
_WORD = 7
_WORDS_AT_ONCE = 32


class NotAnswering(OSError):
    """The chip does not answer, or answers with another chip's identity."""


class Accelerometer:
    """Samples come as int16 milli-g triples at 50 Hz: the chip's 52 Hz thinned with integers."""

    def __init__(self, i2c, interrupt, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._one = bytearray(1)
        self._words = bytearray(_WORD * _WORDS_AT_ONCE)
        self._status = bytearray(2)
        self._phase = 0
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
        self._write(_TAP_CFG0, 0x41)  # latched until read
        self._write(_WAKE_UP_THS, 0x14)  # 20 * 125 mg = 2.5 g of slope: a blow, not a step
        self._write(_WAKE_UP_DUR, 0x00)
        self._write(_FREE_FALL, 0x33)  # 312 mg for 6 samples
        self._write(_TAP_CFG2, 0x80)
        self._write(_MD1_CFG, _FREE_FALL_AND_WAKE_UP)  # on INT1
        if not self.configured():
            raise NotAnswering("the accelerometer does not keep its settings")

    def sources(self):
        """Return and clear what raised the interrupt."""
        return self._read(_ALL_INT_SRC)

    def read_fifo(self, take):
        """Call take(x, y, z) in milli-g for every 50 Hz sample that waits, oldest first; return how many."""
        taken = 0
        waiting = self._waiting()
        while waiting:
            words = min(waiting, _WORDS_AT_ONCE)
            view = memoryview(self._words)[: words * _WORD]
            self._i2c.readfrom_mem_into(self._address, _FIFO_DATA, view)
            for start in range(0, words * _WORD, _WORD):
                if self._words[start] >> 3 == _TAG_ACCELEROMETER and self._keep():
                    take(self._axis(start + 1), self._axis(start + 3), self._axis(start + 5))
                    taken += 1
            waiting = min(self._waiting(), 512) if waiting > words else 0
        return taken

    def _waiting(self):
        self._i2c.readfrom_mem_into(self._address, _FIFO_STATUS1, self._status)
        return self._status[0] | (self._status[1] & 0x03) << 8

    def _keep(self):
        """52 Hz to 50 Hz: every 26th sample is left out."""
        self._phase += 1
        if self._phase >= 26:
            self._phase = 0
            return False
        return True

    def _axis(self, start):
        raw = self._words[start] | self._words[start + 1] << 8
        if raw & 0x8000:
            raw -= 0x10000
        return raw * 61 // 250  # 0.244 mg a count

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
