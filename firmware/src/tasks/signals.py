"""What the wearer feels and sees: one pattern for each state, told apart by the vibration alone."""

import asyncio

from app import alarm

# signal: (pulses, on ms, off ms, colour as red, green, blue)
PATTERNS = {
    alarm.PENDING: (1, 60, 0, (1, 1, 0)),
    alarm.RECEIVED: (2, 120, 120, (0, 0, 1)),
    alarm.ACCEPTED: (3, 120, 120, (0, 1, 0)),
    alarm.CLOSED: (1, 600, 0, (1, 1, 1)),
    alarm.UNREACHABLE: (5, 60, 60, (1, 0, 0)),
    alarm.WITHDRAWN: (1, 300, 0, (1, 1, 1)),
    alarm.TICK: (1, 30, 0, (0, 0, 0)),
    alarm.COUNTDOWN: (3, 200, 100, (1, 1, 0)),
    alarm.TESTED: (2, 60, 120, (0, 1, 0)),
    alarm.FAULTY: (8, 60, 60, (1, 0, 0)),
}
# The light stays on for so long after the last pulse: long enough to look down at it.
LIGHT_AFTER_MS = 1500
# Told whole: the answer to a fall comes within its first pulse, and who does not feel a countdown cannot cancel.
WHOLE = (alarm.COUNTDOWN,)
# Between a signal told whole and the next, or the two would feel like one.
REST_MS = 300


class Signals:
    """Plays one signal at a time; a new one takes the place of the one that plays, or waits for a countdown's end."""

    def __init__(self, motor, light, supervisor):
        self._motor = motor
        self._light = light
        self._supervisor = supervisor
        self._asked = asyncio.Event()
        self._hushed = asyncio.Event()
        self._next = None
        self._last = None
        self._pulses = False  # the motor's part of a signal is under way
        self._tick_waits = False

    def play(self, signal):
        """Ask for a signal; it begins at once. A tick says less than whatever is being felt, and comes after it."""
        if signal == alarm.TICK and self._pulses:
            self._tick_waits = True
            return
        self._next = signal
        if signal != alarm.TICK:
            self._last = signal
        self._asked.set()

    def hush(self):
        """Be still and dark at once, whatever is being shown, and forget it: a silent alarm was raised."""
        self._next = self._last = None
        self._tick_waits = False
        self._hushed.set()
        self._asked.set()

    def repeat(self):
        """One click: the last vibration again. A tick leaves no trace to repeat."""
        if self._last is not None:
            self.play(self._last)

    def busy(self):
        return self._next is not None

    async def loop(self):
        while True:
            self._supervisor.alive("signals")
            signal = self._next
            self._asked.clear()
            self._hushed.clear()
            if signal is None:
                await self._within(self._asked, 5000)
                continue
            try:
                await self._show(PATTERNS[signal], signal in WHOLE)
            finally:
                self._motor.set(False)
                self._pulses = False
            if not self._asked.is_set():
                self._next = alarm.TICK if self._tick_waits else None
                self._tick_waits = False
            if self._next is None:
                self._light.set((0, 0, 0))

    async def _show(self, pattern, whole):
        pulses, on_ms, off_ms, colour = pattern
        self._light.set(colour)
        self._pulses = True
        for pulse in range(pulses):
            self._motor.set(True)
            if await self._over(on_ms, whole):
                return
            self._motor.set(False)
            if pulse < pulses - 1 and await self._over(off_ms, whole):
                return
        self._pulses = False
        if (whole or self._tick_waits) and await self._within(self._hushed, REST_MS):
            return
        if not self._tick_waits:
            await self._within(self._asked, LIGHT_AFTER_MS)

    async def _over(self, ms, whole):
        """Wait; return whether this signal must end now: another takes its place, or silence does."""
        return await self._within(self._hushed if whole else self._asked, ms)

    async def _within(self, event, ms):
        try:
            await asyncio.wait_for_ms(event.wait(), ms)
        except asyncio.TimeoutError:
            return False
        return True
