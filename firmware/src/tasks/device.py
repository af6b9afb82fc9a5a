"""The device as its tasks share it: who it is, what is under way, and the one way to raise an event."""

import asyncio
import time

import log
import retained
from app import identity as numbers
from app import ways
from app.alarm import Alarms, Event
from app.identity import LAST_BOOT, PROVISION_AGAIN_FROM, Identity
from sos_wire import frame, kinds, times

from tasks.evidence import Keeper

# Faults that are told at once over another way: no waiting mends them.
TOLD_AT_ONCE = kinds.FAULT_CERTIFICATE | kinds.FAULT_SIM | kinds.FAULT_MODEM
# The number of this firmware in every full form; one up with every release.
FIRMWARE = 1
# A write that takes longer is a flash about to fail: the alarm does not wait for it (docs/architecture.md).
SLOW_WRITE_MS = 100


class Device:
    """Everything tasks need from one another. Built once in main."""

    def __init__(self, board, store, settings, keys, number, has_modem=False):
        self.board = board
        self.store = store
        self.settings = settings
        self.keys = keys
        self.number = number
        self.has_modem = has_modem
        self.wake = asyncio.ThreadSafeFlag()  # something for the courier to do
        self.news = asyncio.Event()  # ... and for who carries over LTE
        self._ticks = time.ticks_ms()
        self._steady_ms = 0
        self.awake_until_ms = 0
        self.moving_until_ms = 0
        raw = self.board.read_rtc()
        kept = retained.load(raw)
        self.evidence = Keeper(self, retained.load_evidence(raw) if kept else None)
        self.identity = kept or self._new_identity()
        self.alarms = Alarms(self.store.events())
        for event in self.alarms.events:
            event.ways = ways.of(event.kind, has_modem)
        self.identity.raise_above(self.alarms.events)
        if (kept is None or not board.was_woken()) and self.alarms.expects_answers():
            # Power came back in the middle of an alarm, or the watchdog bit: it goes on as if it had just been raised.
            self._stay_awake()
        self._make_room()
        self.save_identity()

    def _new_identity(self):
        """Begin a new boot: its number is on flash before anything is sealed. Starts in a row make pauses first."""
        pause = numbers.pause_s(self.store.count_start())
        if pause and not self.board.was_woken():
            log.line("one start after the other: a pause of %d s" % pause)
            self.board.deep_sleep(pause * 1000)
        boot = self.store.next_boot()
        recovery = self.store.recovery() + 1
        self.store.set_recovery(recovery)
        log.line("boot %d" % boot)
        seq = self.store.last_seq() if boot == LAST_BOOT else 0
        return Identity(boot, seq, recovery=recovery, recovery_at=self.running_s())

    def _stay_awake(self):
        """An alarm is under way: awake for its answers, then asking for them for so long."""
        self.awake_until_ms = self.now_ms() + self.settings.awake_s * 1000
        self.identity.ask_until = self.running_s() + self.settings.awake_s + self.settings.ask_for_s

    def asks(self):
        """Whether an open alarm's answers are still asked for."""
        return self.alarms.expects_answers() and self.running_s() < self.identity.ask_until

    def note(self, what, on):
        """Remember or forget one of identity's notes, through deep sleep."""
        if self.identity.note(what, on):
            self.save_identity()

    # Clocks.

    def now_ms(self):
        """Milliseconds since this start; steady, never wraps."""
        ticks = time.ticks_ms()
        self._steady_ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._steady_ms

    @staticmethod
    def running_s():
        """Seconds of the clock that runs through deep sleep; its zero means nothing."""
        return time.time()

    def unix_s(self):
        return self.identity.unix_s(self.running_s())

    def set_clock(self, unix_s):
        self.identity.set_clock(unix_s, self.running_s())
        self.save_identity()

    def save_identity(self):
        self.board.write_rtc(retained.save(self.identity, self.evidence.kept))

    def alias(self):
        """Return (period, alias), advancing the recovery counter when its six hours are over."""
        if self.identity.recovery_is_due(self.running_s()):
            self.identity.recovery += 1
            self.identity.recovery_at = self.running_s()
            self.store.set_recovery(self.identity.recovery)
            self.save_identity()
        return self.identity.alias(self.keys, self.running_s())

    # Events.

    def _take_number(self):
        """Return the next (boot, seq), safe from being given again; raises NumbersSpent after some 10^9 of them."""
        if self.identity.is_spent() and self.identity.boot < LAST_BOOT:
            self.identity.begin_boot(self.store.next_boot())
        number = self.identity.take_number()
        if number[0] >= LAST_BOOT:
            self.store.set_last_seq(number[1])  # no boot can come after it: the sequence itself must last
        self.save_identity()
        return number

    def may_raise(self, kind):
        """In its last boot the device keeps its numbers for alarms."""
        return self.identity.boot < LAST_BOOT or kind in kinds.ALARMS or kind == kinds.CANCELLED

    def raise_event(self, kind, refers_to=None, flags=None, only=0):
        """Number an event, journal it if it must last, hand it to the courier; return it, or None if none may be."""
        if not self.may_raise(kind):
            return None
        standing = self.alarms.stands_for(kind, self.now_ms()) if kind in kinds.ALARMS else None
        if standing is not None:
            self.store.save(standing)
            tries = standing.over_lte()
            tries.known, tries.next_ms = False, 0  # a press is a press: it ends every pause
            self._tell()
            return standing
        boot, seq = self._take_number()
        event = Event(boot, seq, kind, self._flags(kind) if flags is None else flags)
        event.unix_s = self.unix_s() or kinds.TIME_UNKNOWN
        event.battery = self.board.battery.percent()
        event.ways = only or ways.of(kind, self.has_modem)
        if refers_to is not None:
            event.ref_boot, event.ref_seq = refers_to.boot, refers_to.seq
        # Not for ever: an alarm that nobody closes must not take the countdown from every fall that follows.
        watched = self.alarms.is_silent() and self.running_s() < self.identity.ask_until
        event.hushed = kind == kinds.FALL and watched
        if event.is_kept():
            self._journal(event)
        self.alarms.add(event, self.now_ms())
        if event.is_alarm():
            self._stay_awake()
            self.save_identity()
        self._tell()
        for earlier in self.alarms.hush(event):
            self.store.save(earlier)
        return event

    def _tell(self):
        self.wake.set()
        self.news.set()

    def keep_evidence(self, buffer):
        """Keep what the fall just raised felt like, 375 bytes as in sos_wire/evidence.py: told once the fall is answered."""
        self.evidence.keep(buffer)

    def done_over(self, event, way):
        """One way has done for an event what it can: the next one takes it, or it is dropped."""
        event.ways &= ~way
        if event.ways & ~ways.SMS:
            self.news.set()
        else:
            self.alarms.remove(event)

    def age_ms(self, event):
        """Return how old an event is; of one out of the journal, by the clock where it was set."""
        if event.reloaded and event.unix_s and self.unix_s() is not None:
            return max(0, self.unix_s() - event.unix_s) * 1000
        return self.now_ms() - event.born_ms

    def _flags(self, kind):
        flags = kinds.PENDING if kind in kinds.CANCELLABLE else 0
        flags |= kinds.FULL_WAITING if kind in kinds.ALARMS else 0
        flags |= kinds.CLOCK_VALID if self.identity.clock_offset is not None else 0
        flags |= kinds.CHARGING if self.board.battery.usb() else 0
        return flags | (kinds.FAULT if self.faults() else 0)

    # Faults.

    def faults(self):
        """Return what the device cannot do now, as the wire has it."""
        notes, found = self.identity.notes, self.identity.outside.faults
        found |= kinds.FAULT_BUTTON if notes & numbers.BUTTON_STUCK else 0
        found |= kinds.FAULT_ACCELEROMETER if notes & numbers.ACCELEROMETER_FAULT else 0
        found |= kinds.FAULT_NUMBERS if self.identity.boot >= PROVISION_AGAIN_FROM else 0
        return found | (kinds.FAULT_FLASH if self.store.fails else 0)

    def fault(self, bits):
        """A way out does not work; what cannot wait is said at once over the others."""
        if self.identity.outside.fault(bits, self.running_s()):
            self.save_identity()
            log.line(
                "fault: %s" % ", ".join([name for i, name in enumerate(kinds.FAULT_NAMES) if bits >> i & 1])
            )
            if bits & TOLD_AT_ONCE:
                self.raise_event(kinds.HEARTBEAT)

    def works(self, bits):
        """A way out works again: it tells so itself, in the next full form."""
        if self.identity.outside.works(bits):
            self.save_identity()

    def is_heard(self, event):
        """The gateway has answered: it knows of the faults that the event's full form told."""
        if event.full_shown or (event.lte is not None and event.lte.sent):
            outside = self.identity.outside
            outside.told |= event.faults & outside.faults

    def _journal(self, event):
        """Write the event; when the flash fails or dawdles the alarm goes on from RAM, flagged."""
        began = time.ticks_ms()
        written = self.store.save(event)
        event.in_ram = not written
        if not written or time.ticks_diff(time.ticks_ms(), began) > SLOW_WRITE_MS:
            event.flags |= kinds.NOT_JOURNALLED
            log.line("not journalled: the flash failed or took too long")

    def would_lose(self):
        """Whether something that waits for its answer is in RAM alone, although the flash was asked once more."""
        for event in self.alarms.to_send():
            if event.in_ram:
                event.in_ram = not self.store.save(event)
        return any(event.in_ram for event in self.alarms.to_send())

    def save_state(self, event):
        """Note the state an answer gave an event; over and done, it is kept no longer than its record is of use."""
        if event.is_over() and not event.is_alarm():
            self.store.erase(event)
            self.alarms.remove(event)
        else:
            self.store.save(event)
        self._make_room()

    def _make_room(self):
        """Closed records go first, oldest first; an alarm that waits for its answer never."""
        for event in self.alarms.outdated(self.unix_s()):
            self.store.erase(event)
            self.alarms.remove(event)

    def body_of(self, event, form):
        """Return the body of an event in a form, as it is now."""
        if form == kinds.FORM_FULL:
            return frame.encode_full(
                frame.full(
                    event.boot,
                    event.seq,
                    event.kind,
                    flags=event.flags,
                    unix_s=event.unix_s,
                    battery=event.battery,
                    ref_boot=event.ref_boot,
                    ref_seq=event.ref_seq,
                    battery_mv=self.board.battery.millivolts(),
                    firmware=FIRMWARE,
                    reset_cause=self.board.wake_cause(),
                    press_count=event.presses,
                    faults=self.faults_in(event),
                    **self._place_of(event),
                )
            )
        when = times.pack_when(event.unix_s) if event.unix_s else kinds.WHEN_UNKNOWN
        return frame.encode_short(
            frame.short(
                event.boot,
                event.seq,
                event.kind,
                event.flags,
                when,
                event.battery,
                event.ref_boot,
                event.ref_seq,
            )
        )

    def faults_in(self, event):
        """Return the faults an event's full form tells, and remember that it did."""
        event.faults = self.faults()
        return event.faults

    def _place_of(self, event):
        """Return the fields of a full form that say where: its own fix or the last one, and the cell."""
        outside = self.identity.outside
        fields = {"mcc": outside.mcc, "mnc": outside.mnc, "tac": outside.tac}
        fields["cell"], fields["rssi"] = outside.cell, outside.rssi_dbm
        fix = event.fix or outside.fix
        if fix is not None:
            fields["lat_e7"], fields["lon_e7"], fields["radius_m"] = fix.lat_e7, fix.lon_e7, fix.radius_m
            fields["fix_age_s"] = outside.age_s(fix, self.unix_s(), event.unix_s, self.running_s())
        return fields

    def seal(self, event, form):
        """Return the sealed frame of an event under the alias of this moment."""
        return self.keys.seal_up(self.alias()[1], form, self.body_of(event, form))
