"""LSM6DSOX at its registers: accelerometer, FIFO with tags, wake-up and free-fall interrupts, self-test.

Registers and codes as in STMicroelectronics' lsm6dsox-pid, the slope filter as in ST's AN5130 (p. 15, p. 38) for the
sister part, whose wake-up is the same block; what sources dispute is a parameter. Samples come from a function of time,
so nothing runs while nothing is asked.
"""

from collections import deque
from collections.abc import Callable

Sample = tuple[int, int, int]  # milli-g

RATES_HZ = {1: 12.5, 2: 26, 3: 52, 4: 104, 5: 208, 6: 417, 7: 833, 8: 1667, 9: 3333, 10: 6667, 11: 1.6}
MG_PER_COUNT = {0: 0.061, 2: 0.122, 3: 0.244, 1: 0.488}
FULL_SCALE_MG = {0: 2000, 2: 4000, 3: 8000, 1: 16000}
FREE_FALL_MG = (156, 219, 250, 312, 344, 406, 469, 500)
SELF_TEST_MG = 300
WHO_AM_I = 0x6C
WRITABLE = {0x01, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x0E, *range(0x10, 0x1A), *range(0x56, 0x60), 0x62}


class Lsm6dsox:
    """One chip. `sample_at(t_us)` is the acceleration in milli-g; `line(level)` is called when INT1 changes.

    Disputed and so settings: how deep the FIFO is (512 words or 416), whether sources move while INTERRUPTS_ENABLE is
    off, and whether the slope that is compared with WAKE_UP_THS is half the difference of two samples (AN5130) or all
    of it (lsm6dsox-pid does not say).
    """

    def __init__(
        self,
        sample_at: Callable[[int], Sample],
        line: Callable[[int], None],
        fifo_words: int = 512,
        sources_without_enable: bool = False,
        slope_halved: bool = True,
    ) -> None:
        self._slope_divisor = 2 if slope_halved else 1
        self._sources_without_enable = sources_without_enable
        self._sample_at = sample_at
        self._line = line
        self._depth = fifo_words
        self._level = 1
        self._last: Sample = (0, 0, 0)  # of the slope filter, which begins at nothing
        self._reset(0)

    def _reset(self, now_us: int) -> None:
        self.registers = bytearray(0x80)
        self.registers[0x0F] = WHO_AM_I
        self.registers[0x12] = 0x04
        self.registers[0x18] = 0xE0
        self._fifo: deque[bytes] = deque()
        self._stale = bytes(7)  # what an empty FIFO gives: the last data under tag 0
        self._overrun = self._overrun_latched = False
        self._sources = self._axes = 0
        self._last = (0, 0, 0)
        self._clear_at_next = False
        self._low = self._high = 0
        self._slot = self._due = 0
        self._next_us = now_us
        self._drive()

    # Time.

    def period_us(self) -> int:
        rate = RATES_HZ.get(self.registers[0x10] >> 4)
        return int(1_000_000 / rate) if rate else 0

    def power_mode(self) -> str:
        """Return the mode the accelerometer runs in, as hardware/power_budget.csv names it."""
        if not self.period_us():
            return "off"
        if self.registers[0x14] & 0x80:
            return "ultra_low_power"
        return "low_power" if self.registers[0x15] & 0x10 else "high_performance"

    def advance(self, now_us: int) -> None:
        """Take every sample that was due until now."""
        period = self.period_us()
        if not period:
            self._next_us = now_us
            return
        # What a FIFO would have forgotten by now need not be made.
        oldest = now_us - (self._depth + 64) * period
        if self._next_us < oldest:
            self._next_us += (oldest - self._next_us) // period * period
            self._overrun = self._overrun_latched = bool(self.registers[0x09] & 0x0F)
        while self._next_us <= now_us:
            self._take(self._sample_at(self._next_us))
            self._next_us += period

    def _take(self, sample: Sample) -> None:
        scale = self.registers[0x10] >> 2 & 3
        most = FULL_SCALE_MG[scale]
        push = {1: SELF_TEST_MG, 2: -SELF_TEST_MG}.get(self.registers[0x14] & 3, 0)
        x, y, z = (max(-most, min(most, value + push)) for value in sample)
        clipped = (x, y, z)
        raw = b"".join(
            max(-32768, min(32767, round(value / MG_PER_COUNT[scale]))).to_bytes(2, "little", signed=True)
            for value in clipped
        )
        self.registers[0x28:0x2E] = raw
        self.registers[0x1E] |= 1
        self._batch(raw)
        self._detect(clipped, most)
        self._last = clipped

    def _batch(self, raw: bytes) -> None:
        """Put the sample into the FIFO if its own, slower rate is due."""
        batch = self.registers[0x09] & 0x0F
        if not batch or not self.registers[0x0A] & 7:
            return
        rate_hz = 6.5 if batch == 11 else RATES_HZ.get(batch, 0)
        self._due += 1
        if self._due >= round(RATES_HZ[self.registers[0x10] >> 4] / rate_hz):
            self._due = 0
            self._push(raw)

    def _watermark(self) -> int:
        return self.registers[0x07] | (self.registers[0x08] & 1) << 8

    def _push(self, raw: bytes) -> None:
        self._slot = (self._slot + 1) & 3
        tag = 0x02 << 3 | self._slot << 1
        word = bytes((tag | tag.bit_count() & 1,)) + raw
        depth = self._depth
        if self.registers[0x08] & 0x80 and self._watermark():
            depth = min(depth, self._watermark())  # STOP_ON_WTM
        if len(self._fifo) >= depth:
            if self.registers[0x0A] & 7 == 1:
                return  # FIFO mode stops when it is full
            self._fifo.popleft()
            self._overrun = self._overrun_latched = True
        self._fifo.append(word)

    def _detect(self, sample: Sample, full_scale_mg: int) -> None:
        if not self.registers[0x58] & 0x80 and not self._sources_without_enable:
            return
        if self._clear_at_next:
            self._sources = self._axes = 0
            self._clear_at_next = False
        limit = FREE_FALL_MG[self.registers[0x5D] & 7]
        self._low = self._low + 1 if all(abs(value) < limit for value in sample) else 0
        duration = self.registers[0x5D] >> 3 | (self.registers[0x5C] & 0x80) >> 2
        sources = 0x01 if self._low >= max(1, duration) else 0
        step = full_scale_mg / (256 if self.registers[0x5C] & 0x10 else 64)
        threshold = (self.registers[0x5B] & 0x3F) * step
        axes = 0
        if threshold:
            for bit, a, b in zip((4, 2, 1), sample, self._last, strict=True):
                axes |= bit if abs(a - b) > threshold * self._slope_divisor else 0
        self._high = self._high + 1 if axes else 0
        if self._high > (self.registers[0x5C] >> 5 & 3):
            sources |= 0x02
        latched = self.registers[0x56] & 1
        self._axes = axes if axes or not latched else self._axes
        self._sources = self._sources | sources if latched else sources
        self._drive()

    def _drive(self) -> None:
        """The board has a pull-up: an open drain that is off is high, unless the chip's own pull-down holds it."""
        routed = self.registers[0x5E] >> 4 & 3  # the same bits as the sources: free fall, wake-up
        active = bool(self._sources & routed and self.registers[0x58] & 0x80)
        active_low, open_drain = self.registers[0x12] & 0x20, self.registers[0x12] & 0x10
        if not routed:
            # With nothing routed INT1 is pulled down inside unless PD_DIS_INT1 says otherwise (from memory).
            level = self.registers[0x62] & 1
        elif active:
            level = 0 if active_low else 1
        else:
            level = 1 if active_low or open_drain else 0
        if level != self._level:
            self._level = level
            self._line(level)

    # The bus.

    def read(self, register: int, count: int, now_us: int) -> bytes:
        """Burst read with auto-increment; at the FIFO's output the address goes round."""
        self.advance(now_us)
        out = bytearray()
        seen = False
        for _ in range(count):
            out.append(self._read_one(register))
            seen = seen or register in (0x1A, 0x1B)
            register = self._after(register)
        if seen:
            self._cleared()
        return bytes(out)

    def _after(self, register: int) -> int:
        """Where a burst goes on: round the FIFO's word, and with rounding from the sources to the FIFO's status."""
        if register >= 0x78:
            return 0x78 if register == 0x7E else register + 1
        if register == 0x1E and self.registers[0x14] & 0x10:
            return 0x35
        return register + 1 if self.registers[0x12] & 0x04 else register

    def _cleared(self) -> None:
        """Sources were read: a latch opens at once (INT_CLR_ON_READ) or with the next sample."""
        if self.registers[0x56] & 0x40:
            self._sources = self._axes = 0
            self._drive()
        else:
            self._clear_at_next = True

    def _read_one(self, register: int) -> int:
        if register == 0x3A:
            return len(self._fifo) & 0xFF
        if register == 0x3B:
            return self._fifo_status2()
        if register >= 0x78:
            return self._read_fifo(register - 0x78)
        if register in (0x1A, 0x1B):
            wake = (self._sources & 1) << 5 | (self._sources & 2) << 2 | self._axes
            return self._sources if register == 0x1A else wake
        value = self.registers[register]
        if register in range(0x28, 0x2E):
            self.registers[0x1E] &= ~1
        return value

    def _fifo_status2(self) -> int:
        held = len(self._fifo)
        status = held >> 8 & 3 | (0x08 if self._overrun_latched else 0) | (0x40 if self._overrun else 0)
        status |= 0x20 if held >= self._depth - 1 else 0
        status |= 0x80 if self._watermark() and held >= self._watermark() else 0
        self._overrun_latched = False
        return status

    def _read_fifo(self, byte: int) -> int:
        if not self._fifo:
            return self._stale[byte]
        value = self._fifo[0][byte]
        if byte == 6:
            self._stale = b"\0" + self._fifo.popleft()[1:]
            self._overrun = False
        return value

    def write(self, register: int, data: bytes, now_us: int) -> None:
        self.advance(now_us)
        for value in data:
            if register == 0x12 and value & 0x01:
                self._reset(now_us)
            elif register in WRITABLE:
                self._set(register, value, now_us)
            register += 1

    def _set(self, register: int, value: int, now_us: int) -> None:
        if register == 0x14 and (value ^ self.registers[0x14]) & 0x80 and self.period_us():
            value ^= 0x80  # ultra-low power is only switched while the accelerometer is off
        self.registers[register] = value
        if register == 0x10:
            self._next_us = now_us + self.period_us()
            self._due = 0
            if not self.period_us():
                self._last = (0, 0, 0)  # switched on again, the first slope is gravity itself (AN5130, p. 38)
        elif register == 0x0A and not value & 7:
            self._fifo.clear()  # bypass also empties
        self._drive()
