"""A UART of the ESP32: what comes waits in a ring, then in the chip's FIFO; when that runs over, its bytes are lost."""

import binascii
import io

import _port

FIFO_BYTES = 128
_POLL, _READ, _WRITE = 3, 1, 4
_EINVAL = -22

_opened = {}


class UART(io.IOBase):
    """One port, as a stream for asyncio. Bytes that come while no program has it open are gone."""

    def __init__(self, id, baudrate=115200, tx=None, rx=None, rxbuf=256, txbuf=256, timeout=0, **rest):
        self._id = id
        self._timeout_ms = timeout
        # The driver of the chip takes no ring smaller than its FIFO.
        self._ring_bytes = max(rxbuf, FIFO_BYTES + 1)
        self._waiting = b""
        self.lost = 0
        _opened[id] = self

    init = __init__

    def deinit(self):
        _opened.pop(self._id, None)

    def take(self, data):
        """Bytes from outside."""
        self._waiting += data
        beyond = len(self._waiting) - self._ring_bytes
        if beyond > FIFO_BYTES:
            # An overrun resets the FIFO: not the last byte is lost but all that had no place in the ring.
            self._waiting = self._waiting[: self._ring_bytes]
            self.lost += beyond

    def any(self):
        return len(self._waiting)

    def _await(self):
        left_ms = self._timeout_ms
        while left_ms > 0 and not self._waiting:
            _port.wait(1)
            left_ms -= 1

    def _cut(self, count):
        self._await()
        if not self._waiting:
            return None
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        return data

    def read(self, count=-1):
        return self._cut(len(self._waiting) if count is None or count < 0 else count)

    def readline(self):
        end = self._waiting.find(b"\n")
        return self._cut(len(self._waiting) if end < 0 else end + 1)

    def readinto(self, buffer, count=None):
        data = self._cut(min(len(buffer), len(buffer) if count is None else count))
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        _port.post("uart.write", self._id, binascii.hexlify(bytes(data)).decode())
        return len(data)

    def flush(self):
        pass

    def txdone(self):
        return True

    def ioctl(self, request, flags):
        if request != _POLL:
            return _EINVAL
        return (flags & _READ if self._waiting else 0) | flags & _WRITE


def _heard(id, text):
    port = _opened.get(id)
    if port is not None:
        port.take(binascii.unhexlify(text))


_port.on("uart", _heard)
