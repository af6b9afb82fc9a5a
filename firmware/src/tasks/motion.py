"""Motion: empties the accelerometer's FIFO into the fall detector; a fall opens the countdown."""

import asyncio

import log
from app import alarm, fall
from sos_wire import kinds

# Half the FIFO's 8 s would do; half a second keeps the verdict close to the fall.
READ_EVERY_MS = 500
# After a blow or a drop the detector needs to see how it ends.
WATCH_MS = 8000


class Motion:
    def __init__(self, device, accelerometer, signals, supervisor, woken):
        self._device = device
        self._accelerometer = accelerometer
        self._signals = signals
        self._supervisor = supervisor
        self._detector = fall.Detector()
        self._fallen = False
        if woken:
            device.moving_until_ms = device.now_ms() + WATCH_MS

    def _feed(self, x, y, z):
        if self._detector.feed(x, y, z) == fall.FALL:
            self._fallen = True

    async def loop(self):
        if not self._accelerometer.configured():
            self._accelerometer.start()
        while True:
            self._supervisor.alive("motion")
            self._accelerometer.read_fifo(self._feed)
            if self._fallen:
                self._fallen = False
                self._fall()
            try:
                await asyncio.wait_for_ms(self._accelerometer.moved.wait(), READ_EVERY_MS)
                self._accelerometer.sources()
                self._device.moving_until_ms = self._device.now_ms() + WATCH_MS
                await asyncio.sleep_ms(READ_EVERY_MS)
            except asyncio.TimeoutError:
                continue

    def _fall(self):
        log.line("fall")
        self._device.raise_event(kinds.FALL)
        self._signals.play(alarm.COUNTDOWN)
