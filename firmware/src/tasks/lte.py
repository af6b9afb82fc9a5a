"""Carries events out over LTE and by text message and finds the wearer: one bounded step at a time, the gravest first.

Between any two steps the task looks again at what is most urgent, so a press overtakes whatever is under way after one
step at the most; what waits without a step (a pause, a turn of GNSS) ends at once. The button never waits for any of it.
"""

import asyncio

import log
from app import attempts, tracking, ways
from app import evidence as proof
from drivers import sim7080g
from drivers.sim7080g import ModemError
from sos_wire import evidence as wire
from sos_wire import kinds

# What to do next, gravest first.
NOTHING = 0
SEND_TEXT = 1
SEND = 2
SEND_EVIDENCE = 3
LOCATE = 4
BE_THERE = 5
ASSIST = 6
REST = 7

LOOK_FOR_FIX_MS = 1000
# The driver keeps to the time it is given; this much later it is taken for lost.
GRACE_MS = 20_000
# The step that leads on from each state of the modem, and the faults that its success rules out.
STEP_FROM = {
    sim7080g.OFF: (attempts.START, kinds.FAULT_MODEM),
    sim7080g.ASLEEP: (attempts.START, kinds.FAULT_MODEM),
    sim7080g.BOOTING: (attempts.START, kinds.FAULT_MODEM),
    sim7080g.READY: (attempts.REGISTER, kinds.FAULT_SIM | kinds.FAULT_REGISTRATION),
    sim7080g.REGISTERED: (attempts.ATTACH, kinds.FAULT_NETWORK),
    sim7080g.ATTACHED: (attempts.CONNECT, kinds.FAULT_BROKER | kinds.FAULT_CERTIFICATE),
}
ON_THE_NETWORK = (sim7080g.REGISTERED, sim7080g.ATTACHED, sim7080g.CONNECTED)
# Rungs of the ladder: where each fault gets on. No rung mends a certificate or a card.
FIRST_RUNG = {
    kinds.FAULT_MODEM: 5,
    kinds.FAULT_REGISTRATION: 3,
    kinds.FAULT_NETWORK: 2,
    kinds.FAULT_BROKER: 1,
}
RESTART_RUNG = 4
LAST_RUNG = 6
WAITS_FOR = {attempts.ATTACH: kinds.FAULT_NETWORK, attempts.CONNECT: kinds.FAULT_BROKER}
NO_RUNG_HELPS = kinds.FAULT_CERTIFICATE | kinds.FAULT_SIM
# A text message or a receiver that failed is tried again so much later.
TEXT_AGAIN_MS = 60_000
LOCATE_AGAIN_MS = 120_000


class Lte:
    def __init__(self, device, link, power, supervisor, answers):
        self._device = device
        self._link = link
        self._modem = link.modem
        self._power = power
        self._supervisor = supervisor
        self._answers = answers
        answers.bearers.append(self)
        self._begin()

    def _begin(self):
        self._working = False
        self._at = -1  # the step on the way to the broker that was begun last
        self._rung = self._rungs = 0
        self._unanswered = 0
        self._texts_in_row = 0  # since the broker was last tried
        self._listen_until_ms = 0  # to the answer of a text message
        self._text_again_ms = self._locate_again_ms = self._stay_until_ms = 0
        self._turn_ended_ms = self._connected_ms = -1
        self._empty_turns = 0
        self._restarted = False  # for a clock
        self._rested = False  # the modem was put to sleep, or could not be

    async def loop(self):
        self._begin()
        while True:
            self._supervisor.alive("lte")
            what = self._next()
            if what == NOTHING:
                await self._wait(self._idle_ms())
                continue
            self._working = True
            try:
                await self._do(what)
            except ModemError as error:
                await self._failed(what, error)
            finally:
                self._working = False

    def busy(self):
        """Whether the device must stay awake for this: something is under way or could go on, or the modem is up."""
        return self._working or self._next() != NOTHING or not self._is_resting()

    # What is next.

    def _next(self):
        now = self._device.now_ms()
        self._meet_new_alarms()
        may_text = self._may_try() or self._modem.state in ON_THE_NETWORK
        if may_text and self._text_due_ms(now) == 0 and not self._is_brokers_turn(now):
            return SEND_TEXT
        if now < self._listen_until_ms and self._modem.state in ON_THE_NETWORK:
            return NOTHING
        if self._may_try() and self._to_publish(now):
            return SEND
        if self._evidence() is not None:
            return SEND_EVIDENCE
        if self._locate_due_ms(now) == 0:
            return LOCATE
        if self._stays(now):
            return BE_THERE if self._may_try() and self._modem.state != sim7080g.CONNECTED else NOTHING
        if now < self._stay_until_ms and self._modem.connected:
            return NOTHING
        if self._assist_is_due():
            return ASSIST
        return NOTHING if self._is_resting() else REST

    def _is_brokers_turn(self, now):
        """Whether what is due goes to the broker first: on a connection that stands, or after so many texts in a row."""
        turn = self._modem.connected or self._texts_in_row >= attempts.TEXTS_IN_ROW
        return turn and self._may_try() and bool(self._to_publish(now))

    def _is_resting(self):
        return self._rested or self._modem.state in (sim7080g.OFF, sim7080g.ASLEEP)

    def _meet_new_alarms(self):
        """A press that LTE has not seen yet ends every pause: what failed an hour ago may work now."""
        outside = self._device.identity.outside
        for event in self._device.alarms.to_send(ways.LTE):
            tries = event.over_lte()
            if event.is_kept() and not tries.known:
                tries.known = True
                outside.try_at_s = outside.failures = 0
                self._rung = self._rungs = self._empty_turns = 0
                self._text_again_ms = self._locate_again_ms = 0
                self._texts_in_row = attempts.TEXTS_IN_ROW  # its own is not due yet; those of others wait

    def _may_try(self):
        return self._device.running_s() >= self._device.identity.outside.try_at_s

    def _has_alarm(self):
        return any(e.is_kept() and e.waits() for e in self._device.alarms.events)

    def _stays(self, now):
        """Whether the desk must be able to reach the wearer at once."""
        return now < self._device.awake_until_ms and self._device.alarms.expects_answers()

    def _to_publish(self, now):
        """Return what is due over LTE, in the order of sending."""
        due = []
        for event in self._device.alarms.to_send(ways.LTE):
            leads = event.is_kept() or event.kind == kinds.FELT or not event.ways & ways.BLE
            if leads and event.over_lte().next_ms <= now:
                due.append(event)
        return due + [e for e in self._device.alarms.events if self._lacks_full_form(e)]

    @staticmethod
    def _lacks_full_form(event):
        """Whether an alarm was answered over BLE so fast that nobody has had its place."""
        if not event.is_alarm() or event.waits() or event.is_over() or event.reloaded or event.full_shown:
            return False
        return bool(event.ways & ways.LTE) and not event.texted and not event.over_lte().sent

    # Text messages.

    def _texts(self):
        """Return the events that may go by text, the gravest first."""
        return self._device.alarms.to_send(ways.SMS)

    def _text_waits(self):
        """Whether an alarm waits that has not been sent as a text message yet, and could be."""
        if not self._link.can_text() or self._device.identity.outside.faults & kinds.FAULT_SMS:
            return False
        return any(e.is_kept() and not e.texted for e in self._texts())

    def _text_due_ms(self, now):
        """Return how long until a text message is due, or -1."""
        if not self._link.can_text():
            return -1
        dues = [attempts.text_due_ms(e, self._device.age_ms(e)) for e in self._texts()]
        dues = [due for due in dues if due >= 0]
        if self._fault_to_text():
            dues.append(0)
        return max(min(dues), self._text_again_ms - now) if dues else -1

    def _fault_to_text(self):
        outside, now_s = self._device.identity.outside, self._device.running_s()
        if not self._device.may_raise(kinds.HEARTBEAT):
            return 0
        since = None if outside.text_fault_at_s < 0 else now_s - outside.text_fault_at_s
        known = outside.told | outside.texted
        return attempts.text_fault(outside.faults, known, now_s - outside.faulty_since_s, since)

    async def _send_text(self):
        if self._modem.state not in ON_THE_NETWORK:
            return await self._advance()
        if await self._step(attempts.TEXT, self._modem.sms_works()) is False:
            raise ModemError(kinds.FAULT_SMS, "the modem has no text messages")
        device = self._device
        event = self._text_of_now()
        if event is None:
            return  # the answer came meanwhile
        try:
            await self._step(attempts.TEXT, self._link.text(device.seal(event, kinds.FORM_FULL)))
        finally:
            if event.kind == kinds.HEARTBEAT:
                device.alarms.remove(event)  # sent or not: the next one says what is then
        log.line("text message sent")
        self._texts_in_row += 1
        event.texted += 1
        if event.first_sent_ms < 0:
            event.first_sent_ms = device.now_ms()
        if event.is_kept():
            device.store.save(event)
        elif event.kind == kinds.HEARTBEAT:
            outside = device.identity.outside
            outside.texted |= outside.faults
            outside.text_fault_at_s = device.running_s()
            device.save_identity()
        device.works(kinds.FAULT_SMS)
        if event.is_kept() and not self._data_works():
            self._listen_until_ms = device.now_ms() + attempts.TEXT_LISTEN_MS

    def _data_works(self):
        """Whether the way to the broker was good since this start, and nothing is known against it."""
        return self._connected_ms >= 0 and not self._device.identity.outside.failures and not self._rung

    def _text_of_now(self):
        for event in self._texts():
            if attempts.text_due_ms(event, self._device.age_ms(event)) == 0:
                return event
        return self._device.raise_event(kinds.HEARTBEAT, only=ways.SMS) if self._fault_to_text() else None

    # Publishing.

    async def _send(self):
        if not self._modem.connected:
            return await self._advance()
        now = self._device.now_ms()
        due = self._to_publish(now)
        first = due[0]
        if first.is_kept():
            return await self._publish("alarm", [first])
        due = [event for event in due if not event.is_kept()][: tracking.MOST_FIXES]
        due.reverse()  # a track is told in its order
        await self._publish("telemetry", due)

    async def _publish(self, lane, events):
        device = self._device
        limit = attempts.limit_ms(attempts.PUBLISH)
        frames = [device.seal(event, kinds.FORM_FULL) for event in events]
        began = device.now_ms()
        for event in events:
            if event.first_sent_ms < 0:
                event.first_sent_ms = began
        await self._step(attempts.PUBLISH, self._link.publish(lane, frames, limit))
        log.line("published %d on %s" % (len(events), lane))
        self._rung = self._rungs = self._texts_in_row = 0
        for event in events:
            self._is_published(event)
        self._stay(device.settings.lte_listen_s)
        if lane == "alarm":
            self._unanswered += 1
            if self._unanswered >= attempts.UNANSWERED:
                # It takes our messages and brings no answer: half dead, or the gateway is; a new one tells.
                self._unanswered = 0
                await self._recover(1)

    def _is_published(self, event):
        device, tries = self._device, event.over_lte()
        tries.sent += 1
        tries.next_ms = device.now_ms() + attempts.repeat_after_ms(tries.sent)
        if event.waits() and attempts.is_published_enough(event, tries.sent):
            device.done_over(event, ways.LTE)

    def _evidence(self):
        """Return a fall's evidence that may go out now, on a connection that is there for something else; else None."""
        return self._device.evidence.over(ways.LTE) if self._modem.connected else None

    async def _send_evidence(self):
        """All pieces in one message; a broker that has taken it is enough for telemetry."""
        keeper, evidence = self._device.evidence, self._evidence()
        if evidence is None:
            return
        evidence.published += 1
        if evidence.published > proof.ROUNDS:
            return keeper.ends(ways.LTE)
        limit = attempts.limit_ms(attempts.PUBLISH)
        frames = [keeper.seal(evidence, piece) for piece in range(wire.PIECES)]
        await self._step(attempts.PUBLISH, self._link.publish("telemetry", frames, limit))
        log.line("published the evidence of a fall")
        if keeper.kept is evidence:  # else a new fall's has taken its place meanwhile
            keeper.drop()

    def _stay(self, seconds):
        self._stay_until_ms = max(self._stay_until_ms, self._device.now_ms() + seconds * 1000)

    # One step of the way to the broker.

    async def _do(self, what):
        self._rested = False
        self._power.stays_on = False  # through deep sleep: only what _rest leaves asleep
        if what == SEND_TEXT:
            await self._send_text()
        elif what == SEND:
            await self._send()
        elif what == SEND_EVIDENCE:
            await self._send_evidence()
        elif what == LOCATE:
            await self._locate()
        elif what == BE_THERE:
            await self._advance()
        elif what == ASSIST:
            await self._assist()
        else:
            await self._rest()

    async def _advance(self):
        """Do the one step that leads on from the modem's state."""
        modem = self._modem
        if modem.state == sim7080g.GNSS:
            return await self._step(attempts.POSITION, modem.gnss(False))
        step, ruled_out = STEP_FROM[modem.state]
        limit = attempts.limit_ms(step, self._text_waits())
        self._at = step
        if step == attempts.START:
            await self._step(step, modem.start())
        elif step == attempts.REGISTER:
            await self._step(step, modem.register(limit))
            self._device.identity.outside.heard_cell(await self._step(step, modem.cell()))
        elif step == attempts.ATTACH:
            await self._step(step, modem.attach(limit))
        else:
            if self._device.unix_s() is not None:
                modem.set_clock(self._device.unix_s())
            await self._step(step, modem.connect(limit), limit)
            self._is_there()
        self._device.works(ruled_out)

    def _is_there(self):
        outside = self._device.identity.outside
        outside.failures = outside.try_at_s = 0
        self._connected_ms = self._device.now_ms()
        self._stay(self._device.settings.lte_listen_s)

    async def _step(self, step, work, limit=0):
        """Wait for a step, but not for ever, whatever the driver does; say so to the supervisor."""
        limit = (limit or attempts.limit_ms(step)) + GRACE_MS
        self._supervisor.alive("lte", limit)
        try:
            return await asyncio.wait_for_ms(work, limit)
        except asyncio.TimeoutError:
            raise ModemError(kinds.FAULT_MODEM, "no end of: %s" % attempts.STEPS[step][0])
        except ModemError:
            raise
        except Exception as error:  # noqa: BLE001 - what nobody has thought of has the ladder and the pauses, too
            raise ModemError(kinds.FAULT_MODEM, "%s: %s" % (type(error).__name__, error))
        finally:
            self._supervisor.alive("lte")

    # Failures.

    async def _failed(self, what, error):
        device, outside = self._device, self._device.identity.outside
        log.line("lte: %s" % error.text)
        device.fault(self._fault_of(error))
        now = device.now_ms()
        if (
            what == SEND_TEXT and error.fault != kinds.FAULT_MODEM
        ):  # a deaf modem is revived, and then texts first
            self._text_again_ms = now + TEXT_AGAIN_MS
        if what == SEND:
            self._texts_in_row = 0
        if what == LOCATE:
            self._locate_again_ms = now + LOCATE_AGAIN_MS
        if error.fault in (kinds.FAULT_SMS, kinds.FAULT_GNSS):
            return  # the way to the broker is not the worse for it
        if error.fault == kinds.FAULT_CERTIFICATE and device.unix_s() is None and not self._restarted:
            # Neither of us has ever had the time, by which every certificate is invalid: a network tells it at a start.
            self._restarted = True
            await self._recover(RESTART_RUNG)
            self._rung = 0
            return
        deaf = error.fault == kinds.FAULT_MODEM
        allowed = attempts.rungs(self._has_alarm(), outside.failures)
        if deaf and what == SEND_TEXT:
            allowed = max(allowed, 1)  # whatever is amiss with the broker, the text can go
        self._rung = max(self._rung, FIRST_RUNG.get(error.fault, 0))
        if self._link.rebooted:
            self._link.rebooted, self._rung = False, 0  # it is there: it only has to be asked again
        elif deaf and device.alarms.expects_answers():
            self._rung = LAST_RUNG  # its supply is the one thing a deaf modem cannot ignore
        if not error.fault & NO_RUNG_HELPS and self._rung <= LAST_RUNG and self._rungs < allowed:
            self._rungs += 1
            await self._recover(self._rung)
            return
        self._rung = self._rungs = 0
        outside.failures = min(outside.failures + 1, 255)
        outside.try_at_s = device.running_s() + attempts.pause_s(outside.failures, self._has_alarm())
        device.save_identity()
        self._drop_what_passes()
        if deaf:
            await self._give_up_on(what)

    async def _give_up_on(self, what):
        """A modem that does not answer is switched off for the pause: what comes next begins with a start."""
        if what == SEND_TEXT:
            self._text_again_ms = self._device.now_ms() + TEXT_AGAIN_MS
        try:
            await self._step(attempts.REST, self._modem.stop())
        except ModemError as error:
            log.line("lte: %s" % error.text)

    def _fault_of(self, error):
        """Return what an error is a fault of: a modem without an answer to CNACT or SMCONN waits for the far side."""
        at, self._at = self._at, -1
        return WAITS_FOR.get(at, error.fault) if error.fault == kinds.FAULT_MODEM else error.fault

    def _drop_what_passes(self):
        """A heartbeat that did not get out is of no use to anybody: the next one says all it says."""
        for event in self._device.alarms.to_send(ways.LTE):
            if event.kind == kinds.HEARTBEAT and not event.ways & ways.BLE:
                self._device.done_over(event, ways.LTE)

    async def _recover(self, rung):
        try:
            self._rung = max(rung + 1, await self._step(attempts.RECOVER, self._modem.recover(rung)))
        except ModemError as error:
            log.line("lte, rung %d: %s" % (rung, error.text))
            self._rung = rung + 1

    async def _rest(self):
        """Put the modem to sleep: in PSM it keeps what it knows of the network, switched off it needs nothing."""
        self._rested = True
        # Without a network there is no PSM: it would search for one all night.
        searches = self._device.identity.outside.faults & (kinds.FAULT_REGISTRATION | kinds.FAULT_SIM)
        keeps = bool(self._device.settings.modem_psm) and not searches
        self._power.stays_on = False  # if this fails, its supply is cut with the processor's
        work = self._modem.sleep() if keeps else self._modem.stop()
        try:
            await self._step(attempts.REST, work)
        except ModemError as error:
            log.line("lte: %s" % error.text)
            return
        self._power.stays_on = keeps
        self._device.identity.outside.kept_power = int(keeps)

    # Where the wearer is.

    def _locate_due_ms(self, now):
        """Return how long until the receiver is switched on, or -1."""
        device, settings = self._device, self._device.settings
        due = -1
        if now < device.awake_until_ms:
            due = tracking.turn_due_ms(
                device.alarms.events, now, self._answers.heard_ms, settings.after_ack_s * 1000
            )
            if due >= 0 and self._turn_ended_ms >= 0:
                rest_s = tracking.rest_after_s(self._empty_turns, settings.gnss_between_s)
                due = max(due, self._back_ms() + rest_s * 1000 - now)
            if due >= 0 and self._modem.connected:
                due = max(due, self._stay_until_ms - now)  # what was published has its answer coming
        every_s = settings.position_every_min * 60
        if due < 0 and every_s and device.identity.outside.moved_s >= every_s and not self._has_alarm():
            due = 0
        fix, running_s = device.identity.outside.fix, device.running_s()
        if due >= 0 and self._alarm_located() is not None and tracking.is_fresh(fix, running_s):
            due = max(due, (fix.at_s + tracking.FRESH_S - running_s) * 1000)
        return max(due, self._locate_again_ms - now) if due >= 0 else -1

    def _back_ms(self):
        """Return since when the desk could reach the wearer again after a turn; or would have, where nobody is reached."""
        if self._connected_ms > self._turn_ended_ms:
            return self._connected_ms
        return self._turn_ended_ms + tracking.BACK_ON_AIR_MS

    def _alarm_located(self):
        """Return the newest open alarm, whose positions these are, or None."""
        for event in reversed(self._device.alarms.events):
            if event.is_alarm() and not event.is_over():
                return event
        return None

    async def _locate(self):
        """One turn of the receiver; the fixes of it are handed on together."""
        device, outside = self._device, self._device.identity.outside
        alarm = self._alarm_located()
        outside.moved_s = 0
        if alarm is None and tracking.is_fresh(outside.fix, device.running_s()):
            return self._hand_on([outside.fix], None)
        if self._modem.state in (sim7080g.OFF, sim7080g.ASLEEP, sim7080g.BOOTING):
            outside.moved_s = device.settings.position_every_min * 60  # still due
            return await self._advance()
        age = None if outside.fix is None else device.running_s() - outside.fix.at_s
        start = tracking.start_kind(age, outside.kept_power)
        log.line("looks for satellites, %s" % start)
        track, is_on = tracking.Track(), False
        try:
            await self._step(attempts.POSITION, self._modem.gnss(True, start))
            is_on = True
            await self._watch_the_sky(track, alarm is None)
        finally:
            self._turn_ended_ms = device.now_ms()
            self._empty_turns = 0 if track.fixes else self._empty_turns + 1
            self._hand_on(track.fixes, alarm)
            if is_on and self._modem.state not in (sim7080g.OFF, sim7080g.ASLEEP):
                await self._step(
                    attempts.POSITION, self._modem.gnss(False)
                )  # the antenna, too, if it began anew
            self._turn_ended_ms = device.now_ms()

    async def _watch_the_sky(self, track, one_is_enough):
        device = self._device
        began = device.now_ms()
        while self._modem.state == sim7080g.GNSS and not (one_is_enough and track.fixes):
            on_s = (device.now_ms() - began) // 1000
            if tracking.turn_is_over(on_s, track.fixes, device.settings.gnss_turn_s) or self._is_overtaken():
                return
            said = await self._step(attempts.POSITION, self._modem.fix())
            fix = tracking.fix_of(said, device.running_s()) if said else None
            if fix is not None:
                device.works(kinds.FAULT_GNSS)
                device.identity.outside.found(fix)
                device.identity.outside.kept_power = 1
                track.take(fix)
            await self._wait(LOOK_FOR_FIX_MS)

    def _is_overtaken(self):
        """Whether an alarm, or what takes one back, waits that has not been out on LTE at all."""
        waiting = self._device.alarms.to_send(ways.LTE)
        return any(e.is_kept() and not e.over_lte().known for e in waiting)

    def _hand_on(self, fixes, alarm):
        device = self._device
        for fix in fixes:
            only = ways.LTE if alarm is not None else 0
            event = device.raise_event(kinds.POSITION, refers_to=alarm, only=only)
            if event is None:
                return
            event.fix = fix
            if event.unix_s:
                event.unix_s -= device.running_s() - fix.at_s
        device.save_identity()
        waiting = [e for e in device.alarms.events if e.kind == kinds.POSITION]
        for event in tracking.too_many(waiting):
            device.alarms.remove(event)

    # Assistance: what makes the receiver's cold starts short, fetched over a connection that is there for something else.

    def _assist_is_due(self):
        if not self._modem.connected or not self._modem.network.get("assist_url") or self._has_alarm():
            return False
        device = self._device
        return self._alarm_located() is None and device.running_s() >= device.identity.outside.assist_at_s

    async def _assist(self):
        """Renew it if it is old. It fails without consequences: the receiver starts as it does without."""
        device = self._device
        young = False
        try:
            young = await self._step(attempts.ASSIST, self._modem.assist(lambda: self._next() != ASSIST))
        except ModemError as error:
            log.line("lte: %s" % error.text)
        again_s = attempts.ASSIST_EVERY_S if young else attempts.ASSIST_AGAIN_S
        device.identity.outside.assist_at_s = device.running_s() + again_s
        device.save_identity()

    # Answers and waiting.

    async def listen(self):
        """Take answers in as they come: whoever is answered feels it, however long the step lasts that is under way."""
        while True:
            self._supervisor.alive("answers")
            frame = self._link.take_frame()
            if frame is not None:
                self._answers.take(frame, self)
                self._device.news.set()
                continue
            self._link.came.clear()
            try:
                await asyncio.wait_for_ms(self._link.came.wait(), 5000)
            except asyncio.TimeoutError:
                pass  # nothing came

    def approve(self, news):
        self._unanswered = self._listen_until_ms = 0

    def is_presence(self, down):
        return False

    def answered(self, event):
        pass  # it went out in full

    def hurry(self, answered):
        """The gateway answers over this way: what pauses because nobody did goes on."""
        now = self._device.now_ms()
        for event in self._device.alarms.to_send(ways.LTE):
            if event is not answered and event.is_kept() and event.over_lte().sent:
                event.over_lte().next_ms = min(event.over_lte().next_ms, now + attempts.REPEATS_MS[0])

    def offer(self, felt):
        felt.over_lte().next_ms = 0

    def _idle_ms(self):
        now = self._device.now_ms()
        waits = [
            self._listen_until_ms - now,
            self._text_due_ms(now),
            self._locate_due_ms(now),
            self._stay_until_ms - now,
        ]
        pause_s = self._device.identity.outside.try_at_s - self._device.running_s()
        waits.append(pause_s * 1000)
        waits += [e.over_lte().next_ms - now for e in self._device.alarms.to_send(ways.LTE)]
        return min([wait for wait in waits if wait > 0] + [5000])

    async def _wait(self, ms):
        """Wait, or until something has come or was raised."""
        try:
            await asyncio.wait_for_ms(self._device.news.wait(), max(ms, 1))
        except asyncio.TimeoutError:
            pass  # time is up: that is an answer, too
        self._device.news.clear()
