"""The promise, checked on what happened: whatever was broken in a run, each of these holds, or the run has failed.

A history is the world's own record; what the firmware or the gateway think of themselves is not asked. Events the
device flagged as not journalled live in RAM alone and are left out by name where the flash is the promise's ground.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sos_wire import kinds

from .world.virtual import Entry

UNREACHABLE_US = 20_000_000
UNREACHABLE_PULSE_US = 60_000
LONGEST_BOOT_US = 350_000
# What ends a life of the firmware before its time.
ENDS = ("power cut", "destroyed", "watchdog", "crash")
TICK_US = 30_000
# Ticks of a millisecond, cut off: a wait that is interrupted on the way takes up to so much longer.
ROUNDING_US = 2_000
# What may follow from a cause the wearer can be shown: the longest pattern and the light after it.
SHOWN_FOR_US = 4_000_000
# A fall is felt again and again while two clicks would take it back.
FALL_COUNTDOWN_US = 20_000_000
MADE_WITHIN_US = 3_000_000
# What a device says whose flash takes no boot number: it shows the fault, and accepts no gesture.
CANNOT_SEAL = "nothing can be sent"
LOUD = (kinds.SOS, kinds.FALL)
SILENT_KINDS = (kinds.SILENT, kinds.DURESS)

Number = tuple[int, int, int]  # device, boot, seq


@dataclass
class History:
    """All there is to check: the world's record, the gateway's rows, what lies in the journals at the end."""

    entries: list[Entry]
    events: list[dict[str, Any]] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    journals: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    spooled: int = 0  # frames that still wait in hubs
    calm: bool = True  # all faults were over for long enough that everything must have arrived
    us_of: Callable[[Any], int] = lambda at: at  # the gateway's instants in the world's time
    end_us: int = 0

    def of(self, device: int) -> list[Entry]:
        names = (f"pendant {device}", f"watch {device}")
        return [e for e in self.entries if e.who in names]

    def devices(self) -> list[int]:
        found = {int(e.who.split()[1]) for e in self.entries if e.who.startswith(("pendant ", "watch "))}
        return sorted(found)

    def stored(self) -> Counter[Number]:
        return Counter((row["device"], row["boot"], row["seq"]) for row in self.events)


@dataclass(frozen=True)
class Alarm:
    """One alarm the device has accepted, by the first whole record of it; (number, kind, when, place in the history)."""

    number: Number
    kind: int
    t_us: int
    n: int


def alarms(history: History, device: int) -> list[Alarm]:
    """Return the alarms whose records became whole in flash, oldest first."""
    found: dict[Number, Alarm] = {}
    for e in history.of(device):
        for boot, seq, kind in _records(e):
            if kind in kinds.ALARMS:
                found.setdefault((device, boot, seq), Alarm((device, boot, seq), kind, e.t_us, e.n))
    return list(found.values())


def _records(e: Entry) -> Iterator[tuple[int, int, int]]:
    """Yield (boot, seq, kind) of a journal record in NVS; the file's name alone does not tell the kind."""
    if e.what == "kept" and e.value[0].startswith("e") and e.value[0][1:].isdigit():
        raw = bytes.fromhex(e.value[1])
        yield int.from_bytes(raw[0:2], "big"), int.from_bytes(raw[2:4], "big"), raw[4]


def is_record(e: Entry) -> bool:
    """Whether a journal record has just become whole, in either place."""
    return any(True for _ in _records(e)) or (e.what == "stored" and len(e.value) == 9 and e.value[0] == "j")


def _is_flagged(e: Entry) -> bool:
    return e.what == "log" and e.value.startswith("not journalled")


def _cannot_seal(e: Entry) -> bool:
    return e.what == "log" and e.value.startswith(CANNOT_SEAL)


def no_alarm_is_lost(history: History) -> Iterator[str]:
    """Every alarm in flash is stored exactly once at the gateway, or still in the journal."""
    stored = history.stored()
    for device in history.devices():
        waiting = {(device, *row[:2]) for row in history.journals.get(device, ()) if row[4] < kinds.RECEIVED}
        gone = any(e.what == "destroyed" for e in history.of(device))
        for alarm in alarms(history, device):
            if stored[alarm.number] == 0 and alarm.number not in waiting and not gone:
                yield f"alarm {alarm.number} is neither stored nor in the journal"
            if history.calm and not gone and stored[alarm.number] == 0:
                yield f"alarm {alarm.number} has not arrived although every fault was over"
    for number, copies in stored.items():
        if copies > 1:
            yield f"event {number} is stored {copies} times"
    if history.calm and history.spooled:
        yield f"{history.spooled} frames wait in hubs although every fault was over"


def every_gesture_made_is_an_alarm(history: History) -> Iterator[str]:
    """A hold of a second and four clicks are alarms, always: journalled, or flagged and sent from RAM."""
    stored_alarms = [row for row in history.events if row["kind"] in kinds.ALARMS]
    for device in history.devices():
        accepted = [alarm.t_us for alarm in alarms(history, device)]
        # What the flash took no record of is seen where it arrived.
        accepted += [
            history.us_of(row["received_at"])
            for row in stored_alarms
            if row["device"] == device and row["flags"] & kinds.NOT_JOURNALLED
        ]
        excused = [e.t_us for e in history.of(device) if _is_flagged(e) or _cannot_seal(e)]
        for e in history.of(device):
            if e.what != "gesture made":
                continue
            what, began_us = e.value
            if not any(began_us <= t <= e.t_us + MADE_WITHIN_US for t in (*accepted, *excused)):
                yield f"device {device}: a {what} that began at {began_us / 1e6:.3f} s raised no alarm"


def one_emergency_is_one_incident(history: History) -> Iterator[str]:
    """Of one wearer no two incidents are under way at once, and every stored alarm is in one."""
    by_wearer: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in history.incidents:
        by_wearer[row["wearer_id"]].append(row)
    for rows in by_wearer.values():
        rows.sort(key=lambda r: r["id"])
        for before, after in pairwise(rows):
            if before["closed_at"] is None or before["closed_at"] > after["received_at"]:
                yield f"incident {after['id']} began while incident {before['id']} was under way"
    known = {row["id"] for row in history.incidents}
    for row in history.events:
        if row["kind"] in kinds.ALARMS and row["incident_id"] not in known:
            yield f"alarm {(row['device'], row['boot'], row['seq'])} is stored without an incident"


def nothing_is_told_that_is_not_stored(history: History) -> Iterator[str]:
    """Whoever is told *received* (or more) is told of an event that the gateway has stored by then."""
    stored_at = {
        (row["device"], row["boot"], row["seq"]): history.us_of(row["received_at"]) for row in history.events
    }
    for device in history.devices():
        for e in history.of(device):
            if e.what != "told":
                continue
            boot, seq, state = e.value
            at = stored_at.get((device, boot, seq))
            if kinds.RECEIVED <= state <= kinds.WITHDRAWN and (at is None or at > e.t_us):
                name = kinds.STATE_NAMES[state]
                yield f"device {device} was told {name} of ({boot}, {seq}) at {e.t_us / 1e6:.3f} s: not stored"


def evidence_stands_in_no_alarms_way(history: History) -> Iterator[str]:
    """What a fall felt like goes up after the fall was answered, each piece is kept once, and only beside its fall."""
    falls = {(r["device"], r["boot"], r["seq"]) for r in history.events if r["kind"] == kinds.FALL}
    answered: dict[Number, int] = {}
    for device in history.devices():
        for e in history.of(device):
            if e.what == "told" and e.value[2] >= kinds.RECEIVED:
                answered.setdefault((device, *e.value[:2]), e.t_us)
    copies: Counter[tuple[Number, int]] = Counter()
    for row in history.evidence:
        fall = (row["device"], row["boot"], row["seq"])
        copies[fall, row["piece"]] += 1
        if fall not in falls:
            yield f"evidence is kept of {fall}, which is no fall"
        elif fall not in answered or answered[fall] > history.us_of(row["received_at"]):
            yield f"evidence of {fall} went up before the fall was answered"
    for (fall, piece), n in copies.items():
        if n > 1:
            yield f"piece {piece} of {fall} is kept {n} times"


def nothing_is_felt_before_the_record(history: History) -> Iterator[str]:
    """Between the gesture of an alarm and the first vibration after it, a record is whole, or the alarm is flagged."""
    for device in history.devices():
        waiting: str | None = None
        for e in history.of(device):
            if e.what == "log" and e.value in ("gesture sos", "gesture silent", "gesture cancel", "fall"):
                waiting = e.value
            elif is_record(e) or e.what in ("boot", "power cut") or _is_flagged(e):
                waiting = None
            elif e.what == "motor" and e.value and waiting:
                yield f"device {device} vibrated at {e.t_us / 1e6:.3f} s before the record of its {waiting}"
                waiting = None


def pulses(entries: list[Entry]) -> list[tuple[int, int]]:
    """Return (start, length) of every vibration, in microseconds; one that power cut short ends there."""
    found, began = [], None
    for e in entries:
        if e.what == "motor" and e.value:
            began = e.t_us
        elif began is not None and (e.what == "motor" or e.what in ("boot", *ENDS)):
            found.append((began, e.t_us - began))
            began = None
    return found


def whoever_is_not_reached_is_told(history: History) -> Iterator[str]:
    """A loud alarm is answered within 20 s of its record, or of the start after it, or the wearer feels *unreachable*."""
    for device in history.devices():
        entries = history.of(device)
        felt = pulses(entries)
        stops = [e.t_us for e in entries if e.what in (*ENDS, "boot")]
        found = alarms(history, device)
        silent = [alarm.t_us for alarm in found if alarm.kind in SILENT_KINDS]
        for alarm in found:
            # A silent alarm hushes what came before it, and the falls that follow.
            hushed_by = [t for t in silent if alarm.kind == kinds.FALL or t > alarm.t_us]
            if alarm.kind not in LOUD or any(t <= alarm.t_us + UNREACHABLE_US for t in hushed_by):
                continue
            answers = [
                e.t_us
                for e in entries
                if e.what == "told"
                and (device, *e.value[:2]) == alarm.number
                and e.value[2] >= kinds.RECEIVED
            ]
            boots = [e.t_us + LONGEST_BOOT_US for e in entries if e.what == "boot" and e.t_us > alarm.t_us]
            for start in (alarm.t_us, *boots):
                late = start + UNREACHABLE_US
                cut_short = any(start < stop <= late for stop in stops) or late > history.end_us
                answered = any(at <= late for at in answers)
                felt_it = _felt_unreachable(felt, alarm.t_us, late) or _pressed_into_it(entries, late)
                if not (cut_short or answered or felt_it):
                    yield f"alarm {alarm.number} was unanswered for 20 s at {late / 1e6:.3f} s: the wearer was not told"
                    break


def _pressed_into_it(entries: list[Entry], until_us: int) -> bool:
    """Whether the wearer pressed again in the moment she was being told: the new alarm's signal took its place."""
    said = [e.t_us for e in entries if e.what == "log" and e.value == "unreachable" and e.t_us <= until_us]
    pressed = [e.t_us for e in entries if e.what == "log" and str(e.value).startswith("gesture s")]
    return any(0 <= at - told <= 4 * UNREACHABLE_PULSE_US for told in said for at in pressed)


def _felt_unreachable(felt: list[tuple[int, int]], since_us: int, until_us: int) -> bool:
    """Whether five short pulses began in the time; another signal may cut them short, so three are enough."""
    for i, (at, _) in enumerate(felt):
        run = felt[i : i + 3]
        short = all(abs(length - UNREACHABLE_PULSE_US) <= ROUNDING_US for _, length in run)
        together = all(
            abs(later - earlier - 2 * UNREACHABLE_PULSE_US) <= 2 * ROUNDING_US
            for (earlier, _), (later, _) in pairwise(run)
        )
        if since_us <= at <= until_us and len(run) == 3 and short and together:
            return True
    return False


def silence_is_kept(history: History) -> Iterator[str]:
    """A silent alarm shows nothing, and is felt as one tick of 30 ms at the most, on *received*."""
    for device in history.devices():
        entries = history.of(device)
        silent = {alarm.number: alarm for alarm in alarms(history, device) if alarm.kind in SILENT_KINDS}
        if not silent:
            continue
        since = min(alarm.t_us for alarm in silent.values())
        causes, answers = _causes(history, device, silent)
        ticked: set[Number] = set()
        for at, length in pulses(entries):
            if at < since or any(begin <= at <= end for begin, end in causes):
                continue
            due = next((n for t, n in answers if t <= at <= t + MADE_WITHIN_US and n not in ticked), None)
            if due is None or length > TICK_US + ROUNDING_US:
                yield f"device {device} vibrated for {length // 1000} ms at {at / 1e6:.3f} s: a silent alarm showed"
            else:
                ticked.add(due)
        for e in entries:
            shines = e.what.startswith("light_") and e.value and e.t_us >= since
            if shines and not any(begin <= e.t_us <= end for begin, end in causes):
                yield f"device {device} shone at {e.t_us / 1e6:.3f} s: a silent alarm showed"


def _causes(
    history: History, device: int, silent: dict[Number, Alarm]
) -> tuple[list[tuple[int, int]], list[tuple[int, Number]]]:
    """Return (from when until when something loud may be shown, when which silent alarm was answered).

    What was loud before a silent alarm ends with it, and so do falls as long as it is under way.
    """
    causes: list[tuple[int, int]] = []
    answers: list[tuple[int, Number]] = []
    found = {alarm.number: alarm for alarm in alarms(history, device)}
    first = {alarm.n: alarm for alarm in found.values()}
    tests = {(row["device"], row["boot"], row["seq"]) for row in history.events if row["kind"] == kinds.TEST}
    speaking: set[Number] = set()
    under_way: set[Number] = set()  # silent ones
    for e in history.of(device):
        alarm = first.get(e.n)
        number = (device, *e.value[:2]) if e.what == "told" else None
        if alarm is not None and alarm.number in silent:
            causes = [(begin, min(end, e.t_us + ROUNDING_US)) for begin, end in causes]
            speaking.clear()
            under_way.add(alarm.number)
        elif alarm is not None and not (alarm.kind == kinds.FALL and under_way):
            speaking.add(alarm.number)
            if alarm.kind == kinds.FALL:
                causes.append((e.t_us, e.t_us + FALL_COUNTDOWN_US + SHOWN_FOR_US))
        if _may_show(e, speaking, speaking | tests, number):
            causes.append((e.t_us, e.t_us + SHOWN_FOR_US))
        elif number in silent and number is not None:
            if e.value[2] == kinds.RECEIVED:
                answers.append((e.t_us, number))
            if e.value[2] in (kinds.CLOSED, kinds.WITHDRAWN):
                under_way.discard(number)
    return causes, answers


def _may_show(e: Entry, speaking: set[Number], answered: set[Number], number: Number | None) -> bool:
    """Whether this entry lets the device show something, whatever silent alarm is under way."""
    if number in answered:
        return True
    if e.what == "log":
        always = ("gesture sos", "gesture test", "gesture repeat", "not journalled", CANNOT_SEAL)
        return e.value.startswith(always) or (e.value == "unreachable" and bool(speaking))
    return bool(speaking) and any(kind in LOUD or kind == kinds.CANCELLED for _, _, kind in _records(e))


def the_watchdog_never_bit(history: History) -> Iterator[str]:
    """The firmware was never without a sign of life, and never ended by itself."""
    for e in history.entries:
        if e.what in ("watchdog", "crash"):
            last = str(e.value or "").strip().splitlines()[-1:]
            yield f"{e.who}: {e.what} at {e.t_us / 1e6:.3f} s {' '.join(last)}"


ALL = (
    no_alarm_is_lost,
    every_gesture_made_is_an_alarm,
    one_emergency_is_one_incident,
    nothing_is_told_that_is_not_stored,
    evidence_stands_in_no_alarms_way,
    nothing_is_felt_before_the_record,
    whoever_is_not_reached_is_told,
    silence_is_kept,
    the_watchdog_never_bit,
)


def check(history: History) -> list[str]:
    """Return one sentence for each breach, with the invariant's name in front."""
    return [f"{rule.__name__}: {breach}" for rule in ALL for breach in rule(history)]
