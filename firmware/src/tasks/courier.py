"""Carries events out and answers in: bursts over every link, repeats with back-off, never in an alarm's way."""

import asyncio

import log
from app import evidence as proof
from app import reporting, ways
from links import ble
from sos_wire import kinds

# While awake without anything to say the device shows a heartbeat, so that hubs know where it is.
PRESENCE_MS = 60_000


class Courier:
    def __init__(self, device, link, signals, supervisor, answers):
        self._device = device
        self._link = link
        self._signals = signals
        self._supervisor = supervisor
        self._answers = answers
        answers.bearers.append(self)
        self._presence = None
        self.on_air = False  # a burst or its window is under way

    async def loop(self):
        self.on_air = False  # this may be the second life of a loop that died
        self._link.close()  # until there is something to say
        for event in self._device.alarms.events:
            event.next_ms = 0  # what the journal holds goes out before anything else
        while True:
            self._supervisor.alive("courier")
            self._tell_unreachable()
            event = self._next()
            if event is None:
                self._link.silence()
                await self._wait(self._idle_ms())
                self._handle()
            else:
                self.on_air = True
                await self._send(event)
                self.on_air = False

    def _next(self):
        """Return what to show now: the first event that is due, else a sign of presence while awake."""
        now = self._device.now_ms()
        due = [e for e in self._device.alarms.to_send(ways.BLE) if e.next_ms <= now]
        if due:
            return due[0]
        return self._presence_event(now) if now < self._device.awake_until_ms else None

    def _presence_event(self, now):
        if self._presence is None or now - self._presence.born_ms > PRESENCE_MS:
            self._presence = self._raise_presence() or self._presence
        return self._presence

    def _raise_presence(self):
        """A sign of presence keeps an open alarm's other ways alive, too; else only hubs are to know of it."""
        only = 0 if self._device.alarms.expects_answers() else ways.BLE
        return self._device.raise_event(kinds.HEARTBEAT, only=only)

    def _idle_ms(self):
        now = self._device.now_ms()
        waits = [max(0, e.next_ms - now) for e in self._device.alarms.to_send(ways.BLE)]
        told = self._device.alarms.next_unreachable_ms(now)
        if told >= 0:
            waits.append(told)
        return min(waits + [5000])

    async def _send(self, event):
        """Show one event: the burst, then the window in which the answer may come."""
        device = self._device
        now = device.now_ms()
        if event.first_sent_ms < 0:
            event.first_sent_ms = now
        event.sent += 1
        event.next_ms = now + reporting.repeat_after_ms(event.sent, event.is_alarm())
        self._link.notify(device.seal(event, kinds.FORM_FULL))
        self._link.burst(device.seal(event, kinds.FORM_SHORT))
        await self._for(ble.BURST_MS, event)
        if not self._is_overtaken(event):
            self._link.window()
            await self._for(device.settings.listen_ms, event)
        if event.waits() and reporting.gives_up(event):
            device.done_over(event, ways.BLE)

    async def _for(self, ms, event):
        """Take what comes for so long, or until something more urgent wants the air or the answer is there."""
        end = self._device.now_ms() + ms
        asked = event.waits()  # a sign of presence may have had its answer long ago
        soon = -1
        while True:
            self._supervisor.alive("courier")
            left = end - self._device.now_ms()
            answered = asked and not event.waits()
            if (left <= 0 or answered) and self._link.connection is None:
                return
            now = self._device.now_ms()
            told = self._device.alarms.next_unreachable_ms(now)
            waits = [wait for wait in (left, self._link.guard(now), told, soon) if wait > 0]
            await self._wait(min(waits) if waits else 200)
            was_connected = self._link.connection is not None
            self._handle()
            self._tell_unreachable()
            if self._is_overtaken(event):
                return
            if was_connected and self._link.connection is None:
                self._link.again()
            soon = self._tell_evidence()

    def _tell_evidence(self):
        """Add a piece of a fall's evidence to what was said over this connection; return the pause until the next, or -1."""
        link, device, keeper = self._link, self._device, self._device.evidence
        evidence = keeper.over(ways.BLE) if link.is_trusted() else None
        if evidence is None:
            return -1
        now = device.now_ms()
        piece = evidence.step(link.met, now)
        if piece == proof.WAITS:
            return proof.SETTLED_MS
        if piece == proof.ENDS:
            if evidence.is_told():
                keeper.drop()
            else:
                keeper.ends(ways.BLE)
            return -1
        if link.add(keeper.seal(evidence, piece)):
            evidence.gone(now)
        return proof.PIECE_EVERY_MS

    def _is_overtaken(self, event):
        """Whether an event that was never sent wants the air, or a graver one whose turn has come."""
        waiting = self._device.alarms.to_send(ways.BLE)
        if not waiting or waiting[0] is event:
            return False
        first, rank = waiting[0], event.rank()
        if first.sent == 0:
            return first.rank() <= rank
        return first.rank() < rank and first.next_ms <= self._device.now_ms()

    async def _wait(self, ms):
        try:
            await asyncio.wait_for_ms(self._device.wake.wait(), max(ms, 1))
        except asyncio.TimeoutError:
            pass  # time is up: that is an answer, too

    def _handle(self):
        """Take every frame a central has written, and see to the connection."""
        while True:
            raw = self._link.take_write()
            if raw is None:
                break
            self._answers.take(raw, self)
        self._link.guard(self._device.now_ms())

    # What the answers ask of a way out.

    def approve(self, news):
        """The central has written a frame of ours."""
        self._link.approve(news, self._device.now_ms())

    def is_presence(self, down):
        """Whether the answer is to the sign of presence, which is shown on after its one sending is done with."""
        shown = self._presence
        return shown is not None and (shown.boot, shown.seq) == (down.ref_boot, down.ref_seq)

    def answered(self, event):
        """Give a hub that has connected the full form, once, of what says more in it."""
        if event.full_shown or not (event.is_alarm() or event.fix or event.flags & self._fault_of(event)):
            return
        event.full_shown = self._link.notify(self._device.seal(event, kinds.FORM_FULL))

    @staticmethod
    def _fault_of(event):
        return kinds.FAULT if event.kind == kinds.HEARTBEAT else 0

    def hurry(self, answered):
        """The gateway answers: what pauses because nobody did need not wait for the end of its pause."""
        now = self._device.now_ms()
        for event in self._device.alarms.to_send(ways.BLE):
            if event is not answered and event.is_kept() and event.next_ms - now > reporting.FIRST_REPEAT_MS:
                event.next_ms = now

    def offer(self, felt):
        """Say a `felt` over the connection that brought its cause, if it is still there."""
        if self._link.notify(self._device.seal(felt, kinds.FORM_FULL)):
            felt.sent, felt.first_sent_ms = 1, self._device.now_ms()
            felt.next_ms = self._device.now_ms() + reporting.FIRST_REPEAT_MS

    def _tell_unreachable(self):
        due, signal = self._device.alarms.unreachable(self._device.now_ms())
        for event in due:
            self._device.store.save(event)  # told once, whatever resets the device
        if signal is not None:
            log.line("unreachable")
            self._signals.play(signal)
