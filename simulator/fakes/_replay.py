"""The firmware's detector on anyone's recording: int16 triples in milli-g at 50 Hz come in, the alarms go out.

Arguments: the position; `alarms`, or `windows` for what was measured of every judged window (binary, for the trainer);
a folder of other tables. The samples pass what wakes a sleeping device: the accelerometer's thresholds, with its FIFO's
seconds before the wake.
"""

import struct
import sys
from array import array

from app import fall, waking, worn

AT_ONCE = 2000  # samples


class Device:
    """Asleep until the chip wakes it; the detector begins anew at each wake, with what the FIFO kept."""

    def __init__(self, new_detector, tell):
        self._new_detector = new_detector
        self._tell = tell
        self._waking = waking.Waking()
        self._fifo = array("h", bytes(6 * waking.BEFORE_SAMPLES))
        self._kept = 0  # samples since the processor went to sleep
        self._detector = None
        self._count = 0  # samples taken

    def take_all(self, read):
        """Take what read() gives, arrays of x, y and z in turn, until it gives nothing."""
        stirs = self._waking.feed
        while True:
            samples = read()
            if not samples:
                return
            for at in range(0, len(samples), 3):
                x, y, z = samples[at], samples[at + 1], samples[at + 2]
                self._count += 1
                woken = stirs(x, y, z)
                if self._detector:
                    self._feed(x, y, z, self._count)
                    if self._waking.may_sleep(self._detector.busy()):
                        self._detector, self._kept = None, 0
                    continue
                self._keep(x, y, z)
                if woken:
                    self._wake()

    def _keep(self, x, y, z):
        into = self._kept % waking.BEFORE_SAMPLES * 3
        self._fifo[into] = x
        self._fifo[into + 1] = y
        self._fifo[into + 2] = z
        self._kept += 1

    def _wake(self):
        self._detector = self._new_detector()
        held = min(self._kept, waking.BEFORE_SAMPLES)
        for number in range(held):
            at = (self._kept - held + number) % waking.BEFORE_SAMPLES * 3
            self._feed(
                self._fifo[at], self._fifo[at + 1], self._fifo[at + 2], self._count - held + number + 1
            )

    def _feed(self, x, y, z, count):
        detector = self._detector
        judged = detector.judged
        verdict = detector.feed(x, y, z)
        if verdict or judged != detector.judged:
            self._tell(count - 1, verdict, detector)


def tell_alarm(index, verdict, detector):
    if verdict == fall.FALL:
        sys.stdout.write("%d\n" % index)


def tell_window(index, verdict, detector):
    if verdict != fall.RISEN:
        sys.stdout.buffer.write(struct.pack("<iii", index, index - detector.ago(), detector.score))
        sys.stdout.buffer.write(detector.values)


def reader(stream):
    """Return a function that reads the next samples of a binary stream as an array of int16, or None at its end."""
    rest = b""

    def read():
        nonlocal rest
        data = rest + stream.read(6 * AT_ONCE)
        whole = len(data) // 6 * 6
        rest = data[whole:]
        return array("h", data[:whole]) if whole else None

    return read


def detectors(position, folder):
    """Return what makes a detector of a position, with the firmware's own tables or those in a folder."""
    if not folder:
        return lambda: worn.detector(position)
    sys.path.insert(0, folder)
    tables = __import__("fall_" + position)
    return lambda: fall.Detector(tables)


def main():
    position, what = sys.argv[1:3]
    tell = {"alarms": tell_alarm, "windows": tell_window}[what]
    make = detectors(position, sys.argv[3] if len(sys.argv) > 3 else None)
    Device(make, tell).take_all(reader(sys.stdin.buffer))


main()
