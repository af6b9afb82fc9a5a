"""The life of events on the device: raised, sent, answered, felt; what the wearer is told, and when.

raised -> sending <-> unreachable (told) -> received -> accepted -> closed          states only rise
"""

from sos_wire import kinds

from app.ways import BLE

# What the wearer feels and sees; the patterns are in tasks/signals.py.
PENDING = 1
RECEIVED = 2
ACCEPTED = 3
CLOSED = 4
UNREACHABLE = 5
WITHDRAWN = 6
TICK = 7
COUNTDOWN = 8  # a fall was detected: two clicks cancel
TESTED = 9
FAULTY = 10

_SIGNAL_OF_STATE = {
    kinds.RECEIVED: RECEIVED,
    kinds.ACCEPTED: ACCEPTED,
    kinds.CLOSED: CLOSED,
    kinds.WITHDRAWN: WITHDRAWN,
}

# Silent kinds show nothing, and duress looks like the end of a preventive alert.
DISCREET = (kinds.SILENT, kinds.DURESS)
CANCEL_WINDOW_MS = {kinds.SOS: 3000, kinds.FALL: 20_000}
# The promise is 20 s; a signal that is being felt when the time is up (a fall's countdown: 1.1 s) is felt to its end.
UNREACHABLE_AFTER_MS = 18_500
# An answer sets the clock only so soon after the first sending: a hub that holds it back cannot set it wrong by more.
CLOCK_WITHIN_MS = 60_000
# A record that was answered is kept for a restore of the gateway's database, then erased.
KEEP_CLOSED_S = 30 * 24 * 3600

MOST_ALARMS = 32
MOST_CLOSED = 8

# Order of sending: the most serious first.
_RANK = (kinds.DURESS, kinds.SILENT, kinds.SOS, kinds.FALL, kinds.PREVENTIVE_EXPIRED)
_RANK_CANCEL = len(_RANK)
_RANK_FELT = _RANK_CANCEL + 1
_RANK_OTHER = _RANK_FELT + 1


class Tries:
    """What LTE has done for one event."""

    def __init__(self, known):
        self.sent = 0
        self.next_ms = 0
        self.known = known  # it has ended the pauses it found


class Event:
    """One event of this device. `state` is -1 until the gateway has answered."""

    def __init__(
        self, boot, seq, kind, flags=0, unix_s=0, battery=kinds.BATTERY_UNKNOWN, ref_boot=0, ref_seq=0
    ):
        self.boot = boot
        self.seq = seq
        self.kind = kind
        self.flags = flags
        self.unix_s = unix_s
        self.battery = battery
        self.ref_boot = ref_boot
        self.ref_seq = ref_seq
        self.state = -1
        self.presses = 1
        self.born_ms = 0
        self.first_sent_ms = -1
        self.sent = 0
        self.next_ms = 0
        self.told = False  # the wearer knows that it could not be reached
        self.cancelled = False  # the wearer has taken it back
        self.hushed = False  # a silent alarm was under way: nothing of this one is shown either
        self.reloaded = False  # out of the journal: raised before this start
        self.full_shown = False  # the full form went up a connection
        self.in_ram = False  # the flash took no record of it: sleep would lose it
        self.ways = BLE  # the ways out it may still take
        self.lte = None  # what LTE has done for it: Tries
        self.texted = 0  # text messages that went out; through deep sleep, they cost money
        self.fix = None  # a position's own place
        self.faults = 0  # what its last full form told

    def is_alarm(self):
        return self.kind in kinds.ALARMS

    def is_kept(self):
        """Whether the event must survive a power cut: alarms, and what takes one back."""
        return self.is_alarm() or self.kind in (kinds.CANCELLED, kinds.PREVENTIVE_ENDED)

    def is_discreet(self):
        return self.hushed or self.kind in DISCREET

    def waits(self):
        """Whether the gateway's first answer is still to come."""
        return self.state < kinds.RECEIVED

    def over_lte(self):
        """Return what LTE has done for this event."""
        if self.lte is None:
            self.lte = Tries(self.reloaded)
        return self.lte

    def is_over(self):
        """Whether nothing more is to be expected: the incident ended, or an answer was all there is to have."""
        if not self.is_alarm() or self.kind == kinds.DURESS:
            return not self.waits()
        return self.state in (kinds.CLOSED, kinds.WITHDRAWN)

    def rank(self):
        if self.kind in _RANK:
            return _RANK.index(self.kind)
        if self.kind in (kinds.CANCELLED, kinds.PREVENTIVE_ENDED):
            return _RANK_CANCEL
        return _RANK_FELT if self.kind == kinds.FELT else _RANK_OTHER


class Answered:
    """What follows from one down frame: each field is an order for a task, or None."""

    def __init__(self):
        self.event: "Event | None" = None
        self.signal: "int | None" = None
        self.save = False
        self.felt: "int | None" = None  # a state to confirm
        self.clock: "int | None" = None  # Unix seconds to set the clock to


class Alarms:
    """All events the device still has to do with, newest last."""

    def __init__(self, events=()):
        """Begin with what the journal holds."""
        self.events = list(events)
        for event in self.events:
            event.reloaded = True
            self.hush(
                event
            )  # power may have gone between a silent alarm's record and the marks of those before it

    def add(self, event, now_ms):
        """Take in a new event."""
        event.born_ms = event.next_ms = now_ms
        self.events.append(event)
        return event

    def stands_for(self, kind, now_ms):
        """Return the alarm that one more of its kind only adds a press to, because the journal is full; else None.

        A kind that waits for the first time is always taken, however full it is: at most one more for each kind. One
        that was taken back stands for nothing: its cancel would take the new alarm back, too.
        """
        alarms = [e for e in self.events if e.is_alarm() and e.waits()]
        same = [e for e in alarms if e.kind == kind and not e.cancelled]
        if len(alarms) < MOST_ALARMS or not same:
            return None
        newest = same[-1]
        newest.presses = min(255, newest.presses + 1)
        newest.next_ms = now_ms
        return newest

    def find(self, boot, seq):
        for event in self.events:
            if event.boot == boot and event.seq == seq:
                return event
        return None

    def remove(self, event):
        if event in self.events:
            self.events.remove(event)

    def countdown(self, now_ms):
        """Return the newest alarm that two clicks cancel whose first began now, or None: none from before this start."""
        for event in reversed(self.events):
            window = CANCEL_WINDOW_MS.get(event.kind)
            if (
                window
                and event.flags & kinds.PENDING
                and not event.cancelled
                and not event.reloaded
                and not event.is_over()
                and 0 <= now_ms - event.born_ms < window
            ):
                return event
        return None

    def answer(self, down, now_ms):
        """Take a down frame that this device's keys have opened; return what follows, or None if nothing does."""
        event = self.find(down.ref_boot, down.ref_seq)
        if event is None or down.state == kinds.COMMAND:
            return None
        result = Answered()
        result.event = event
        # Out of the journal: it was first sent in an earlier life, and an answer to that may be long on its way.
        fresh = event.first_sent_ms >= 0 and now_ms - event.first_sent_ms <= CLOCK_WITHIN_MS
        if fresh and event.waits() and not event.reloaded:
            result.clock = down.unix_s
        confirms = event.kind not in kinds.ANSWERED_ONCE and down.state >= kinds.RECEIVED
        if down.state > event.state:
            event.state = down.state
            result.save = event.is_kept()
            result.signal = self._signal(event)
        elif down.state < event.state:
            return result  # an old answer: states only rise
        if confirms and (event.is_alarm() or event.kind == kinds.CANCELLED):
            result.felt = event.state
        if not event.is_kept() and event.is_over():
            self.remove(event)
        return result

    @staticmethod
    def _signal(event):
        if event.is_discreet():
            return TICK if event.state == kinds.RECEIVED and event.kind == kinds.SILENT else None
        if event.kind == kinds.TEST:
            return TESTED
        return _SIGNAL_OF_STATE.get(event.state) if event.is_alarm() else None

    def unreachable(self, now_ms):
        """Return (alarms that have now waited too long, to be saved as told; the signal for it or None). Each comes once."""
        due = [
            e
            for e in self.events
            if e.is_alarm() and e.waits() and not e.told and now_ms - e.born_ms >= UNREACHABLE_AFTER_MS
        ]
        for event in due:
            event.told = True
        return due, UNREACHABLE if [event for event in due if not event.is_discreet()] else None

    def next_unreachable_ms(self, now_ms):
        """Return how long until somebody must be told, or -1."""
        waits = [
            max(0, e.born_ms + UNREACHABLE_AFTER_MS - now_ms)
            for e in self.events
            if e.is_alarm() and e.waits() and not e.told
        ]
        return min(waits) if waits else -1

    def to_send(self, way=0):
        """Return what still waits for its first answer, in the order of sending: serious before light, new before old.

        All of it, or what goes one way.
        """
        waiting = [e for e in self.events if e.waits() and (e.ways & way or not way)]
        waiting.reverse()
        waiting.sort(key=lambda e: e.rank())
        return waiting

    def is_silent(self):
        """Whether a silent alarm is under way: then a fall shows nothing. A hold is hers to make and shows itself."""
        return any(e.kind in DISCREET and not e.is_over() for e in self.events)

    def hush(self, event):
        """Hush every alarm before a silent one, and return those that were not hushed yet, to be saved.

        Whoever stands beside her must not learn from a countdown, or from the answer to an earlier press, that help is
        on its way.
        """
        before = self.events[: self.events.index(event)] if event in self.events else self.events
        loud = [e for e in before if e.kind not in DISCREET and e.is_alarm() and not e.hushed]
        if event.kind not in DISCREET:
            return []
        for earlier in loud:
            earlier.hushed = True
        return loud

    def outdated(self, unix_s):
        """Return what the journal no longer needs: of what was answered, the closed and the rest beyond their bounds.

        And whatever was answered over a month ago: an incident that nobody closed, or whose end did not get here.
        """
        answered = [e for e in self.events if e.is_kept() and not e.waits()]
        old = [e for e in answered if unix_s is not None and e.unix_s and unix_s - e.unix_s > KEEP_CLOSED_S]
        over = [e for e in answered if e.is_over() and e not in old]
        others = [e for e in answered if not e.is_over() and e not in old]
        return old + over[:-MOST_CLOSED] + others[:-MOST_ALARMS]

    def expects_answers(self):
        """Whether an alarm is under way whose next state the wearer should feel."""
        return any(e.is_alarm() and not e.is_over() for e in self.events)
