"""The button: feeds the gesture table and carries out what it says. Nothing happens before a gesture is complete."""

import asyncio

import log
from app import alarm, gestures
from app import identity as numbers
from sos_wire import kinds


class Buttons:
    def __init__(self, device, button, signals, supervisor, woken):
        self._device = device
        self._button = button
        self._signals = signals
        self._supervisor = supervisor
        self.recognizer = gestures.Recognizer()
        if device.identity.notes & numbers.BUTTON_STUCK:
            if button.pressed():
                self.recognizer.still_stuck(device.now_ms())
        elif woken:
            # The press began with the wake, before the zero of the steady clock: what the flash took for a new boot
            # number belongs to the hold. A contact that is open was let go at some time: the run is judged from now.
            pressed = button.pressed()
            self.recognizer.woke(pressed, 0 if pressed else device.now_ms())

    def _context(self, now_ms):
        context = gestures.COUNTDOWN if self._device.alarms.countdown(now_ms) else 0
        return context | (gestures.CHARGING if self._device.board.battery.usb() else 0)

    async def loop(self):
        while True:
            self._supervisor.alive("buttons")
            now = self._device.now_ms()
            gesture = self.recognizer.sample(self._button.pressed(), now, self._context(now))
            if not self.recognizer.stuck():
                self._device.note(numbers.BUTTON_STUCK, False)
            if gesture:
                self._carry_out(gesture, now)
                continue
            wait = self.recognizer.wait_ms(now)
            await self._changed_within(5000 if wait < 0 else min(wait, 5000))

    async def _changed_within(self, ms):
        try:
            await asyncio.wait_for_ms(self._button.changed.wait(), ms)
        except asyncio.TimeoutError:
            pass  # time itself completes a hold or a run of clicks

    def _carry_out(self, gesture, now):
        device = self._device
        log.line("gesture %s" % gestures.NAMES[gesture])
        if gesture == gestures.SOS:
            self._alarm(kinds.SILENT if device.settings.silent_hold else kinds.SOS)
        elif gesture == gestures.SILENT:
            self._alarm(kinds.SILENT)
        elif gesture == gestures.CANCEL:
            named = device.alarms.countdown(self.recognizer.began_ms)
            if named is not None:
                named.cancelled = True
                device.raise_event(kinds.CANCELLED, refers_to=named)  # on flash before the alarm's own mark
                device.store.save(named)
                if not named.is_discreet():
                    self._signals.play(alarm.PENDING)
        elif gesture == gestures.TEST:
            device.raise_event(kinds.TEST)
            self._signals.play(alarm.PENDING)
        elif gesture == gestures.REPEAT:
            self._signals.repeat()
        elif gesture == gestures.STUCK:
            device.note(numbers.BUTTON_STUCK, True)
            device.raise_event(kinds.HEARTBEAT)

    def _alarm(self, kind):
        try:
            event = self._device.raise_event(kind)  # on flash when it returns, or flagged
        except numbers.NumbersSpent as error:
            log.line(str(error))
            self._signals.play(alarm.FAULTY)
            return
        if event is None:
            return
        if event.is_discreet():
            self._signals.hush()
        else:
            self._signals.play(alarm.PENDING)
