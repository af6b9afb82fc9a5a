"""LSM6DSOX at its registers: accelerometer, FIFO with tags, wake-up and free-fall interrupts, self-test.

Registers and codes as in STMicroelectronics' lsm6dsox-pid; what sources dispute is a parameter. Samples come from a
function of time, so nothing runs while nothing is asked.
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
    """One chip. `sample_at(t_us)` is the acceleration in milli-g; `line(level)` is called when INT1 changes."""

    def __init__(
        self, sample_at: Callable[[int], Sample], line: Callable[[int], None], fifo_words: int = 512
    ) -> None:
        self._sample_at = sample_at
        self._line = line
        self._depth = fifo_words
        self._level = 1
        self._last: Sample | None = None
        self._reset(0)

    def _reset(self, now_us: int) -> None:
        self.registers = bytearray(0x80)
        self.registers[0x0F] = WHO_AM_I
        self.registers[0x12] = 0x04
        self.registers[0x18] = 0xE0
        self._fifo: deque[bytes] = deque()
        self._overrun = False
        self._sources = 0
        self._low = 0
        self._slot = 0
        self._next_us = now_us
        self._byte = 0  # which byte of the word at 0x78 comes next
        self._drive()

    # Time.

    def period_us(self) -> int:
        rate = RATES_HZ.get(self.registers[0x10] >> 4)
        return int(1_000_000 / rate) if rate else 0

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
            self._overrun = True
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
        if self.registers[0x09] & 0x0F and self.registers[0x0A] & 7:
            self._push(raw)
        self._detect(clipped, most)
        self._last = clipped

    def _push(self, raw: bytes) -> None:
        self._slot = (self._slot + 1) & 3
        tag = 0x02 << 3 | self._slot << 1
        word = bytes((tag | tag.bit_count() & 1,)) + raw
        if len(self._fifo) >= self._depth:
            if self.registers[0x0A] & 7 == 1:
                return  # FIFO mode stops when it is full
            self._fifo.popleft()
            self._overrun = True
        self._fifo.append(word)

    def _detect(self, sample: Sample, full_scale_mg: int) -> None:
        if not self.registers[0x58] & 0x80:
            return
        limit = FREE_FALL_MG[self.registers[0x5D] & 7]
        self._low = self._low + 1 if all(abs(value) < limit for value in sample) else 0
        sources = 0
        if self._low > self.registers[0x5D] >> 3:
            sources |= 0x01
        step = full_scale_mg / (256 if self.registers[0x5C] & 0x10 else 64)
        threshold = (self.registers[0x5B] & 0x3F) * step
        if (
            self._last
            and threshold
            and any(abs(a - b) > threshold for a, b in zip(sample, self._last, strict=True))
        ):
            sources |= 0x02
        latched = self.registers[0x56] & 1
        self._sources = self._sources | sources if latched else sources
        self._drive()

    def _drive(self) -> None:
        routed = self.registers[0x5E]
        high = bool(self._sources & 0x01 and routed & 0x10) or bool(self._sources & 0x02 and routed & 0x20)
        level = int(high) ^ (1 if self.registers[0x12] & 0x20 else 0)
        # Without H_LACTIVE the pin idles low; the board's pull-up is stronger than an open drain that is off.
        if not self.registers[0x12] & 0x20 and not high:
            level = 1 if self.registers[0x12] & 0x10 or not routed else 0
        if level != self._level:
            self._level = level
            self._line(level)

    # The bus.

    def read(self, register: int, count: int, now_us: int) -> bytes:
        """Burst read with auto-increment; at the FIFO's output the address goes round."""
        self.advance(now_us)
        out = bytearray()
        for _ in range(count):
            out.append(self._read_one(register))
            if register >= 0x78:
                register = 0x78 if register == 0x7E else register + 1
            elif self.registers[0x12] & 0x04:
                register += 1
        return bytes(out)

    def _read_one(self, register: int) -> int:
        if register == 0x3A:
            return len(self._fifo) & 0xFF
        if register == 0x3B:
            status = len(self._fifo) >> 8 & 3 | (0x48 if self._overrun else 0)
            self._overrun = False
            return status
        if register >= 0x78:
            return self._read_fifo(register - 0x78)
        if register in (0x1A, 0x1B):
            value = self._sources if register == 0x1A else (self._sources & 1) << 5 | (self._sources & 2) << 2
            self._sources = 0
            self._drive()
            return value
        value = self.registers[register]
        if register in range(0x28, 0x2E):
            self.registers[0x1E] &= ~1
        return value

    def _read_fifo(self, byte: int) -> int:
        if not self._fifo:
            return 0
        value = self._fifo[0][byte]
        if byte == 6:
            self._fifo.popleft()
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
        self.registers[register] = value
        if register == 0x10:
            self._next_us = now_us + self.period_us()
        elif register == 0x0A and not value & 7:
            self._fifo.clear()  # bypass also empties
        self._drive()
