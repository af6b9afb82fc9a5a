"""Motion: empties the accelerometer's FIFO into the fall detector; a fall opens the countdown.

The chip wakes the processor and has kept the seconds before; while the processor is up, for whatever reason, every sample
goes through the detector. What ends a wake is in app/waking.py; deep sleep forgets detector and all.
"""

import asyncio

import log
from app import alarm, fall, waking, worn
from app import identity as numbers
from sos_wire import evidence as wire
from sos_wire import kinds

# Half the FIFO's 8 s would do; half a second keeps the verdict close to the fall.
READ_EVERY_MS = 500
# While she moves and nothing is under way, in light sleep; a verdict comes 3 s after the blow, so it is not late by this.
DOZE_MS = 2500
REMIND_EVERY_MS = 4000
# A chip that does not answer is asked again so often.
TRY_AGAIN_MS = 5000


# Whose acceleration varies by so much is on her way; who sits and reads is not.
STIR_MG = 300


class Motion:
    def __init__(self, device, accelerometer, signals, supervisor, woken, doze):
        self._device = device
        self._accelerometer = accelerometer
        self._signals = signals
        self._supervisor = supervisor
        self._doze = doze  # of Health, who decides about sleep
        self._waking = waking.Waking()
        self._detector = worn.detector(device.settings.worn_at)
        self._woken = woken  # by the accelerometer, and its FIFO not looked at yet
        self._raised = None  # the fall that the detector decided last
        self._samples = bytearray(wire.BYTES)
        self._remind_ms = 0
        self._least, self._most = 1 << 29, 0  # squares of the samples of one reading
        if woken:
            self._stay(2 * READ_EVERY_MS)

    def _stay(self, ms):
        self._device.moving_until_ms = self._device.now_ms() + ms

    def _feed(self, x, y, z):
        square = x * x + y * y + z * z
        self._least, self._most = min(self._least, square), max(self._most, square)
        self._waking.feed(x, y, z)
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
        if self._woken and self._device.has_modem:
            self._device.identity.outside.looked(False, self._device.running_s())  # until now she was at rest
        while True:
            self._supervisor.alive("motion")
            await self._read()
            if self._woken:
                self._waking.wake()
                self._woken = False
            self._note_stirring()
            self._remind()
            await self._wait()

    async def _read(self):
        """Empty the FIFO; the other tasks have their turns, for it may hold ten seconds."""
        while self._accelerometer.read_fifo(self._feed):
            await asyncio.sleep_ms(0)

    async def _wait(self):
        """Until the next reading; asleep meanwhile if that is allowed."""
        busy = self._detector.busy()
        if self._waking.may_sleep(busy):
            self._stay(0)
        else:
            ms = READ_EVERY_MS if busy else DOZE_MS
            self._stay(ms + READ_EVERY_MS)
            if self._doze(ms):
                self._accelerometer.moved.clear()
                self._accelerometer.sources()
                await asyncio.sleep_ms(0)
                return
        try:
            await asyncio.wait_for_ms(self._accelerometer.moved.wait(), READ_EVERY_MS)
        except asyncio.TimeoutError:
            return
        self._accelerometer.sources()
        self._woken = True
        self._stay(2 * READ_EVERY_MS)
        await asyncio.sleep_ms(READ_EVERY_MS)

    def _note_stirring(self):
        """What the last seconds were like stands for the time since the last look: a soft step wakes no processor."""
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
