"""Motion: empties the accelerometer's FIFO into the fall detector; a fall opens the countdown."""

import asyncio

import log
from app import alarm, fall
from app import identity as numbers
from sos_wire import evidence as wire
from sos_wire import kinds

# Half the FIFO's 8 s would do; half a second keeps the verdict close to the fall.
READ_EVERY_MS = 500
# After a wake or a blow for so long; then only while the detector follows something.
WATCH_MS = 2000
REMIND_EVERY_MS = 4000
# A chip that does not answer is asked again so often.
TRY_AGAIN_MS = 5000


# Whose acceleration varies by so much is on her way; who sits and reads is not.
STIR_MG = 300


class Motion:
    def __init__(self, device, accelerometer, signals, supervisor, woken):
        self._device = device
        self._accelerometer = accelerometer
        self._signals = signals
        self._supervisor = supervisor
        self._detector = fall.Detector()
        self._raised = None  # the fall that the detector decided last
        self._samples = bytearray(wire.BYTES)
        self._remind_ms = 0
        self._least, self._most = 1 << 29, 0  # squares of the samples of one reading
        if woken:
            self._stay(WATCH_MS)

    def _stay(self, ms):
        self._device.moving_until_ms = self._device.now_ms() + ms

    def _feed(self, x, y, z):
        square = x * x + y * y + z * z
        self._least, self._most = min(self._least, square), max(self._most, square)
        verdict = self._detector.feed(x, y, z)
        if verdict != fall.NOTHING:
            self._tell(verdict)

    def _tell(self, verdict):
        """Raise what the detector has decided, at its sample: a fall, then what it felt like; or that she is up again.

        The alarm first: nothing that goes wrong with its evidence may keep it back.
        """
        device, raised = self._device, self._raised
        if verdict == fall.FALL:
            log.line("fall")
            self._raised = device.raise_event(kinds.FALL)
            self._detector.evidence(self._samples)
            device.keep_evidence(self._samples)
        elif verdict == fall.RISEN and raised is not None and not (raised.cancelled or raised.is_over()):
            log.line("up again")
            device.raise_event(kinds.RISEN, refers_to=raised)

    async def loop(self):
        while True:
            try:
                await self._watch()
            except OSError as error:
                # Without it no fall is detected, but everything else goes on; the desk is told by a flag.
                log.line("accelerometer: %s" % error)
                if not self._device.identity.notes & numbers.ACCELEROMETER_FAULT:
                    self._device.note(numbers.ACCELEROMETER_FAULT, True)
                    self._device.raise_event(kinds.HEARTBEAT)
            self._supervisor.alive("motion")
            await asyncio.sleep_ms(TRY_AGAIN_MS)

    async def _watch(self):
        if not self._accelerometer.configured():
            self._accelerometer.start()
        self._device.note(numbers.ACCELEROMETER_FAULT, False)
        self._accelerometer.sources()  # its line is latched: what woke us would wake us again at once
        while True:
            self._supervisor.alive("motion")
            self._accelerometer.read_fifo(self._feed)
            self._note_stirring()
            self._remind()
            if self._detector.busy():
                self._stay(2 * READ_EVERY_MS)
            try:
                await asyncio.wait_for_ms(self._accelerometer.moved.wait(), READ_EVERY_MS)
                self._accelerometer.sources()
                self._stay(WATCH_MS)
                await asyncio.sleep_ms(READ_EVERY_MS)
            except asyncio.TimeoutError:
                continue

    def _note_stirring(self):
        """What the last seconds were like stands for the time since the last look: a step wakes no processor."""
        stirs = self._most - self._least >= 2000 * STIR_MG  # of squares around 1 g
        self._least, self._most = 1 << 29, 0
        if self._device.has_modem:
            self._device.identity.outside.looked(stirs, self._device.running_s())

    def _remind(self):
        """While a fall can be taken back the countdown is felt again and again: who lies there may not notice the first."""
        now = self._device.now_ms()
        counting = self._device.alarms.countdown(now)
        if counting is None or counting.kind != kinds.FALL or counting.is_discreet():
            return
        if self._signals.busy() or now < self._remind_ms:
            return
        self._remind_ms = now + REMIND_EVERY_MS
        self._signals.play(alarm.COUNTDOWN)
