"""A NOR flash in a file: erase sets all bits, programming only clears them, and power may go after any byte."""

import uos

BLOCK = 4096
# Made once: a chip needs no room in the firmware's heap, and 4 KB in one piece are not always to be had there.
_ERASED = memoryview(b"\xff" * BLOCK)
_page = memoryview(bytearray(BLOCK))
_EIO = 5


class PowerCut(BaseException):
    """The supply went in the middle of a write; what was written is written."""


class Fuse:
    """Counts the bytes that reach flash or NVS and blows at a set one; shared by everything that writes."""

    def __init__(self):
        self.count = 0
        self.blow_at = -1

    def allow(self, wanted):
        """Return how many of the next bytes are still written; the caller raises PowerCut if that is fewer."""
        if self.blow_at < 0 or self.count + wanted <= self.blow_at:
            self.count += wanted
            return wanted
        left = max(0, self.blow_at - self.count)
        self.count += left
        return left


fuse = Fuse()


class Wear:
    """What an old flash does: it refuses to be written, or takes its time. `wait(ms)` lets the time pass."""

    def __init__(self):
        self.fails = False
        self.slow_ms = 0
        self.wait = None

    def before_write(self):
        """Return whether the chip takes the next write."""
        if self.slow_ms and self.wait:
            self.wait(self.slow_ms)
        return not self.fails


wear = Wear()


class Nor:
    """The block device LittleFS is mounted on; `file` is anything that can be sought, read and written."""

    def __init__(self, file, blocks):
        self._blocks = blocks
        self._file = file

    @staticmethod
    def open(path, blocks):
        """Return the flash in a file, erased if the file is new."""
        if not exists(path):
            with open(path, "wb") as fresh:
                for _ in range(blocks):
                    fresh.write(_ERASED)
        return Nor(open(path, "r+b"), blocks)

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        if not wear.before_write():
            return -_EIO
        if offset is None:
            self._erase(block)
            offset = 0
        self._program(block * BLOCK + offset, buffer)
        return None

    def _program(self, start, buffer):
        wanted = len(buffer)
        written = fuse.allow(wanted)
        old = _page[:written]
        self._file.seek(start)
        self._file.readinto(old)
        for i in range(written):
            old[i] &= buffer[i]
        self._file.seek(start)
        self._file.write(old)
        self._file.flush()
        if written < wanted:
            raise PowerCut

    def _erase(self, block):
        # An erase that is cut leaves a block of which nothing is sure; half of each is as bad as it gets.
        whole = fuse.allow(1)
        self._file.seek(block * BLOCK)
        self._file.write(_ERASED if whole else _ERASED[: BLOCK // 2])
        self._file.flush()
        if not whole:
            raise PowerCut

    def ioctl(self, op, argument):
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK
        if op == 6:
            if wear.fails:
                return -_EIO
            self._erase(argument)
        return 0


def exists(path):
    try:
        uos.stat(path)
    except OSError:
        return False
    return True
