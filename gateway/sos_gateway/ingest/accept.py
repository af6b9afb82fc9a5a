"""Takes one heard frame to its place: one transaction that stores the event, its incident, its answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from sos_wire import evidence, kinds, times
from sos_wire import frame as wire
from sos_wire.seal import CLOCK_MODE

from ..domain import incident as life
from ..domain import own_time, positions
from ..domain.models import (
    BLE,
    UNREADABLE,
    Event,
    Incident,
    Number,
    OutboxRow,
    Sighting,
    Timer,
    Transition,
    Wearer,
)
from ..domain.turns import FELT_WITHIN
from .places import Places

ANSWER_LASTS = timedelta(hours=24)
# An answer whose next turn is further away than one hub's turn rests, because no hub could carry it.
RESTED = timedelta(milliseconds=500)
# An alarm of a device nobody can open is shown beside its faults: by its own word it cannot say so.
UNOPENED = "unopened"
# The short form has one bit for all of them.
UNNAMED = "unnamed"
ALL_FAULTS = [*kinds.FAULT_NAMES, *(f"bit {bit}" for bit in range(len(kinds.FAULT_NAMES), 16)), UNNAMED]
# Pieces of evidence are sorted among kinds: each by itself, for none makes another needless.
EVIDENCE = -2
# Their flags byte holds a state or minutes.
_FLAGS_ARE_NO_FLAGS = (UNREADABLE, kinds.FELT, kinds.PREVENTIVE_EXTENDED)


class Outcome(Enum):
    """What became of a frame."""

    COMMITTED = "committed"
    REPEATED = "repeated"  # an event already stored
    REFUSED = "refused"  # bytes nobody sealed, or of no length we know
    UNRESOLVED = "unresolved"  # kept: the alias is not known now


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame as a hub heard it, or as a device published it (hub None, and who it is by the broker's word)."""

    frame: bytes
    hub: str | None
    heard_at: datetime
    rssi: int = 0
    spool: str = ""
    n: int = 0
    via: str = BLE
    publisher: int | None = None
    is_alarm: bool = False  # published as an alarm: one that nobody can open must be seen by somebody


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame that one device's keys have opened."""

    device: int
    mode: int
    index: int
    body: bytes
    clock_set_at: datetime | None = None  # its clock was set no earlier than this


@dataclass(frozen=True, slots=True)
class Told:
    """What is looked at before a frame is stored: who says what, and where it stands in the device's counting."""

    device: int
    kind: int
    order: tuple[int, int]  # boot, seq


@dataclass(frozen=True, slots=True)
class Accepted:
    outcome: Outcome
    event: Event | None = None
    incident_id: int | None = None
    answer_now: int | None = None  # a state to tell the device once, without a row


class Resolver(Protocol):
    """Finds who sealed a frame."""

    def open(self, frame: bytes, heard_at: datetime) -> Opened | None: ...

    def open_as(self, number: int, frame: bytes) -> Opened | None: ...

    def device(self, number: int) -> Any: ...

    def moved(self, number: int, clock_set_at: datetime | None, recovery_index: int) -> None: ...


class Acceptor:
    """The service every frame passes, whichever way it came."""

    def __init__(
        self,
        *,
        store: Any,
        resolver: Resolver,
        clock: Callable[[], datetime],
        town_of: Callable[[int, int], str],
        rows_for: Callable[[Incident, Wearer, str, datetime], list[OutboxRow]],
        distance_m: Callable[[tuple[int, int], tuple[int, int]], float],
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._clock = clock
        self._rows_for = rows_for
        self._places = Places(town_of=town_of, distance_m=distance_m, moved=self._moved)

    async def accept(self, heard: Heard) -> Accepted:
        """Store what was heard. Never raises for what the bytes say; database errors pass to the caller."""
        now = self._clock()
        if len(heard.frame) not in kinds.FORM_OF_LENGTH:
            return await self._without_event(heard, Outcome.REFUSED, "refused_length", now)
        opened = self._open(heard.frame, heard.heard_at, heard.publisher)
        if opened is None:
            return await self._unopened(heard, now)
        return await self.accept_opened(heard, opened, now)

    def _open(self, frame: bytes, heard_at: datetime, publisher: int | None) -> Opened | None:
        opened = self._resolver.open(frame, heard_at)
        if opened is None and publisher is not None:
            # Who says by the broker's log-in who it is needs no alias to be found.
            return self._resolver.open_as(publisher, frame)
        return opened

    async def _unopened(self, heard: Heard, now: datetime) -> Accepted:
        """Keep a frame nobody can open; not a device's own that its keys do not fit: they never will.

        Of a device we do not know (yet) an alarm is kept; telemetry it will send again.
        """
        if heard.publisher is not None:
            if heard.is_alarm:
                await self.unopened_alarm(heard.publisher)
            if not heard.is_alarm or self._resolver.device(heard.publisher) is not None:
                return await self._without_event(heard, Outcome.REFUSED, "refused_unopened", now)
        async with self._store.transaction() as tx:
            await tx.keep_unresolved(
                heard.frame, heard.hub or "", heard.heard_at, now, heard.via, heard.publisher
            )
            await tx.count("unresolved")
            await self._record(tx, heard, Outcome.UNRESOLVED, now)
        return Accepted(Outcome.UNRESOLVED)

    async def unopened_alarm(self, device: int) -> None:
        """A device has published as an alarm what nobody can open, or no frame at all: somebody must see to it."""
        async with self._store.transaction() as tx:
            await tx.note_fault(device, UNOPENED, self._clock())

    def told(self, frame: bytes, heard_at: datetime, publisher: int | None = None) -> Told | None:
        """Return what a frame tells, before it is stored; None when it cannot be opened now."""
        if len(frame) not in kinds.FORM_OF_LENGTH:
            return None
        opened = self._open(frame, heard_at, publisher)
        if opened is None:
            return None
        try:
            if evidence.is_evidence(frame):
                piece = evidence.decode(opened.body)
                return Told(opened.device, EVIDENCE - piece.index, (piece.ref_boot, piece.ref_seq))
            said = wire.decode_up(frame[0], opened.body)
        except wire.FrameError:
            return Told(opened.device, EVIDENCE if evidence.is_evidence(frame) else UNREADABLE, (0, 0))
        return Told(opened.device, said.kind, (said.boot, said.seq))

    async def accept_opened(self, heard: Heard, opened: Opened, now: datetime) -> Accepted:
        """Store the event of a frame that its device's keys have opened."""
        if heard.publisher not in (None, opened.device):
            return await self._without_event(heard, Outcome.REFUSED, "refused_foreign", now)
        if evidence.is_evidence(heard.frame):
            return await self._evidence(heard, opened, now)
        event = decode(heard, opened, now)
        moved = None
        async with self._store.transaction() as tx:
            if not await tx.claim_event(event.number):
                if (
                    event.form == kinds.FORM_FULL
                ):  # a short one has said all it can, or comes after one that says more
                    await self._faults(tx, event, now)
                result = await self._repeated(tx, heard, event, now)
            else:
                clock_set_at = clock_proved(event, heard, opened, now)
                moved = await tx.touch_device(
                    event.number, now, opened.mode, opened.index, event.battery, clock_set_at
                )
                await self._faults(tx, event, now)
                result = await self._first(tx, event, heard, now)
                # After the wearer is locked: officers lock the wearer first and the answers then.
                await tx.downs_fall_due(event.device, now, now + RESTED)
            sighting = Sighting(event.number, heard.hub or "", heard.rssi, heard.heard_at, heard.via)
            await tx.add_sighting(sighting)
            if result.incident_id is not None and heard.hub is not None and heard.via == BLE:
                await self._places.dispute(tx, result.incident_id, sighting, now)
            await self._record(tx, heard, Outcome.COMMITTED, now)
        if moved is not None:
            self._resolver.moved(event.device, *moved)
        return result

    @staticmethod
    async def _faults(tx: Any, event: Event, now: datetime) -> None:
        """Note what the device says it cannot do: by name in the full form, in the short one that there is something.

        Before the wearer is locked: whoever locks both locks the device first.
        """
        if event.faults is not None:
            await tx.say_faults(event.number, fault_names(event.faults), ALL_FAULTS, now)
        elif event.kind not in _FLAGS_ARE_NO_FLAGS:
            unnamed = [UNNAMED] if event.flags & kinds.FAULT else []
            await tx.say_faults(event.number, unnamed, [UNNAMED], now)

    async def _without_event(self, heard: Heard, outcome: Outcome, counter: str, now: datetime) -> Accepted:
        async with self._store.transaction() as tx:
            await tx.count(counter)
            await self._record(tx, heard, outcome, now)
        return Accepted(outcome)

    async def _record(self, tx: Any, heard: Heard, outcome: Outcome, now: datetime) -> None:
        if heard.hub is not None and heard.n:
            await tx.record_frame(heard.hub, heard.spool, heard.n, outcome.value, now)

    async def _evidence(self, heard: Heard, opened: Opened, now: datetime) -> Accepted:
        """Keep a piece of what a fall felt like, beside the fall; without one, or unreadable, it is no use to anybody."""
        try:
            piece = evidence.decode(opened.body)
        except wire.FrameError:
            return await self._without_event(heard, Outcome.REFUSED, "refused_evidence", now)
        async with self._store.transaction() as tx:
            fall = await tx.event(Number(opened.device, piece.ref_boot, piece.ref_seq))
            if fall is None or fall.kind != kinds.FALL or fall.incident_id is None:
                await tx.count("refused_evidence")
                await self._record(tx, heard, Outcome.REFUSED, now)
                return Accepted(Outcome.REFUSED)
            is_first = await tx.add_evidence(fall.number, piece.index, piece.samples, now)
            if is_first:
                await tx.notice_evidence(fall.incident_id)
            await self._record(tx, heard, Outcome.COMMITTED, now)
        return Accepted(Outcome.COMMITTED if is_first else Outcome.REPEATED, incident_id=fall.incident_id)

    # The first copy of an event.

    async def _first(self, tx: Any, event: Event, heard: Heard, now: datetime) -> Accepted:
        wearer = await tx.lock_wearer(event.device)
        opening = frozenset([*wearer.profile.get("opens_on", ()), *wearer.town_opens_on])
        if life.opens(event.kind, opening):
            return await self._alarm(tx, event, heard, wearer, now)
        if event.kind == kinds.FELT:
            await tx.insert_event(event)
            if event.reference:
                await tx.felt(event.reference, event.flags, now)
            return Accepted(Outcome.COMMITTED, event, answer_now=kinds.RECEIVED)
        if event.kind == kinds.CANCELLED:
            return await self._cancel(tx, event, wearer, now)
        if event.kind == kinds.RISEN:
            return await self._risen(tx, event, now)
        if event.kind == kinds.POSITION:
            return await self._position(tx, event, wearer, now)
        await tx.insert_event(event)
        if event.kind in kinds.ANSWERED_ONCE or event.kind not in kinds.REFERRING:
            return Accepted(Outcome.COMMITTED, event, answer_now=kinds.RECEIVED)
        await tx.put_down(event.number, kinds.RECEIVED, now, ANSWER_LASTS)
        return Accepted(Outcome.COMMITTED, event)

    async def _alarm(self, tx: Any, event: Event, heard: Heard, wearer: Wearer, now: datetime) -> Accepted:
        if event.kind in kinds.CANCELLABLE and await tx.is_named_by(event.number, kinds.CANCELLED):
            event = replace(event, cancelled=True)
        current = await tx.current_incident(wearer.id)
        if current is None:
            current = await self._late_report(tx, event, wearer, now)
        if current is not None:
            incident = life.join(current, event, now)
            incident = await self._places.placed(tx, incident, event, heard)
            await tx.update_incident(incident)
            what = "late report" if current.state in life.OVER else "pressed again"
            if event.cancelled:
                what = "withdrawn alarm"
            await self._moved(tx, current, incident, what, wearer, now)
        else:
            incident = life.begin(event, wearer.id, wearer.home_town, now)
            incident = await tx.insert_incident(await self._places.placed(tx, incident, event, heard))
            note = life.kind_name(event.kind)
            await self._moved(tx, None, incident, "raised", wearer, now, note)
        event = replace(event, incident_id=incident.id)
        await tx.insert_event(event)
        if event.kind == kinds.FALL and await tx.is_named_by(event.number, kinds.RISEN):
            await self._stands_again(tx, incident, now)  # it came by a quicker way than its fall
        if incident.state == "pending" and not event.cancelled:
            await tx.add_timer(Timer(life.opens_at(event), "open", incident.id, event.number))
        await tx.put_down(event.number, life.answer_state(incident, event), now, ANSWER_LASTS)
        return Accepted(Outcome.COMMITTED, event, incident.id)

    async def _risen(self, tx: Any, event: Event, now: datetime) -> Accepted:
        """Who fell is up again: a line in the history of the fall's incident. It withdraws nothing, and opens nothing."""
        named = await tx.event(event.reference) if event.reference else None
        if named is None or named.kind != kinds.FALL or named.incident_id is None:
            await tx.insert_event(event)
            return Accepted(Outcome.COMMITTED, event, answer_now=kinds.RECEIVED)
        incident = await tx.incident(named.incident_id, lock=True)
        if not await tx.is_named_by(named.number, kinds.RISEN):
            await self._stands_again(tx, incident, now)
        event = replace(event, incident_id=incident.id)
        await tx.insert_event(event)
        return Accepted(Outcome.COMMITTED, event, incident.id, answer_now=kinds.RECEIVED)

    @staticmethod
    async def _stands_again(tx: Any, incident: Incident, now: datetime) -> None:
        who = f"device {incident.device}"
        await tx.add_transition(Transition(incident.id, "risen", incident.state, incident.state, who, now))

    async def _position(self, tx: Any, event: Event, wearer: Wearer, now: datetime) -> Accepted:
        """A position belongs to the wearer's open incident, whichever alarm it names; after it, it is only kept."""
        current = await tx.current_incident(wearer.id)
        if current is not None and await self._is_of_another(tx, current, event):
            current = None
        if current is not None:
            event = replace(event, incident_id=current.id)
        await tx.insert_event(event)
        if current is not None:
            await self._places.learnt(tx, current, event, wearer, now)
            await tx.notice_position(current.id)  # a point of the track, whatever else it changed
        return Accepted(Outcome.COMMITTED, event, event.incident_id, answer_now=kinds.RECEIVED)

    @staticmethod
    async def _is_of_another(tx: Any, current: Incident, event: Event) -> bool:
        """Whether a position is a late one of an incident before this: the way she went then is not the way now."""
        named = await tx.event(event.reference) if event.reference else None
        if named is None or named.incident_id in (None, current.id):
            return False
        return event.occurred_at < current.occurred_at

    async def _late_report(self, tx: Any, event: Event, wearer: Wearer, now: datetime) -> Incident | None:
        for past in await tx.closed_incidents(wearer.id, now - life.LATE_REPORT_WINDOW):
            if life.covers(past, event, now):
                return replace(past, late=True)
        return None

    async def _moved(
        self,
        tx: Any,
        before: Incident | None,
        after: Incident,
        what: str,
        wearer: Wearer,
        now: datetime,
        note: str = "",
    ) -> None:
        await tx.add_transition(
            Transition(
                after.id,
                what,
                before.state if before else None,
                after.state,
                f"device {after.device}",
                now,
                note,
            )
        )
        if before is not None and before.state == "pending" and after.state == "open":
            await tx.release_outbox(after.id, now)
        # Nobody is told of an alarm whose cancel was here first, nor of what is learnt of a cancelled one: it would
        # be an alarm to who never heard of it. Of one withdrawn later is told who was told of it.
        if after.state != "cancelled" or (before is not None and before.state != "cancelled"):
            await tx.add_outbox(self._rows_for(after, wearer, what, now))

    # A cancel withdraws the event it names and nothing else.

    async def _cancel(self, tx: Any, event: Event, wearer: Wearer, now: datetime) -> Accepted:
        named = await tx.event(event.reference) if event.reference else None
        if (
            named is not None
            and named.kind in kinds.CANCELLABLE
            and not named.cancelled
            and named.incident_id
        ):
            await tx.mark_cancelled(named.number)
            await self._withdraw(tx, named, wearer, now)
        await tx.insert_event(replace(event, incident_id=named.incident_id if named else None))
        await tx.put_down(event.number, kinds.RECEIVED, now, ANSWER_LASTS)
        return Accepted(Outcome.COMMITTED, event, named.incident_id if named else None)

    async def _withdraw(self, tx: Any, named: Event, wearer: Wearer, now: datetime) -> None:
        incident = await tx.incident(named.incident_id, lock=True)
        if incident.state in life.OVER:
            return
        alarms = [event for event in await tx.events_of(incident.id) if life.is_alarm(event)]
        after, what = life.taken_back(incident, alarms, now)
        if life.is_withdrawn(after, replace(named, cancelled=True)):
            await tx.put_down(named.number, kinds.WITHDRAWN, now, ANSWER_LASTS)
        if after.state == "cancelled":
            await tx.withdraw_outbox(incident.id)
        await tx.update_incident(after)
        await self._moved(tx, incident, after, what, wearer, now)

    # A copy of an event already stored raises nothing and is answered with the present state.

    async def _repeated(self, tx: Any, heard: Heard, copy: Event, now: datetime) -> Accepted:
        if copy.form == kinds.FORM_FULL or heard.via != BLE:
            wearer = await tx.lock_wearer(copy.device)
            await self._said_more(tx, copy, wearer, now)
            # A modem sends again because it was not answered, and it listens now.
            if heard.via != BLE:
                await tx.downs_fall_due(copy.device, now, now + FELT_WITHIN)
        stored = await tx.event(copy.number)
        if stored is None or stored.incident_id is None or not life.is_alarm(stored):
            return Accepted(Outcome.REPEATED, stored or copy, None, kinds.RECEIVED)
        incident = await tx.incident(stored.incident_id)
        return Accepted(Outcome.REPEATED, stored, incident.id, life.answer_state(incident, stored))

    async def _said_more(self, tx: Any, copy: Event, wearer: Wearer, now: datetime) -> None:
        """Take from a full form what the copy that was stored could not say."""
        stored = await tx.event(copy.number)
        if stored is None or copy.form != kinds.FORM_FULL or UNREADABLE in (stored.kind, copy.kind):
            return
        more = positions.with_more(stored, copy)
        if more == stored:
            return
        await tx.tell_more(more)
        if more.incident_id is not None:
            before = await tx.incident(more.incident_id, lock=True)
            incident = life.pressed_more(before, stored, more, now)
            if incident != before:
                await tx.update_incident(incident)
                await self._moved(tx, before, incident, "pressed again", wearer, now)
            await self._places.learnt(tx, incident, more, wearer, now)


def fault_names(bits: int) -> list[str]:
    """Return the names of the faults in a full form; a bit of a later firmware goes by its number."""
    return [ALL_FAULTS[bit] for bit in range(16) if bits >> bit & 1]


def decode(heard: Heard, opened: Opened, now: datetime) -> Event:
    """Return the event in an opened frame; an authentic body nobody here can read is an unreadable alarm."""
    since_set = now - opened.clock_set_at if opened.clock_set_at else None
    error = own_time.clock_error(since_set)
    form = kinds.FORM_OF_LENGTH[len(heard.frame)]
    common: dict[str, Any] = {
        "device": opened.device,
        "received_at": now,
        "body": opened.body,
        # Who wore it was near this hub: not so when it came as a text message.
        "hub": heard.hub if heard.via == BLE else None,
    }
    # The gateway's own receipt bounds every time: what a hub says of its clock is not to be relied on.
    try:
        said = wire.decode_up(heard.frame[0], opened.body)
    except wire.FrameError:
        return Event(
            boot=int.from_bytes(opened.body[0:2], "big"),
            seq=int.from_bytes(opened.body[2:4], "big"),
            kind=UNREADABLE,
            flags=0,
            form=form,
            occurred_at=now,
            time_known=False,
            **common,
        )
    refers = said.kind in kinds.REFERRING or (said.kind == kinds.POSITION and bool(said.ref_seq))
    if isinstance(said, wire.Short):
        occurred_at, known = own_time.from_short(said.when, now, error)
        more: dict[str, Any] = {}
    else:
        age = None if said.age_s == kinds.AGE_UNKNOWN else said.age_s
        occurred_at, known = own_time.from_full(said.unix_s, age, now, error)
        more = full_form_only(said, occurred_at if known else None)
    return Event(
        boot=said.boot,
        seq=said.seq,
        kind=said.kind,
        flags=said.flags,
        form=form,
        occurred_at=occurred_at,
        time_known=known,
        battery=None if said.battery == kinds.BATTERY_UNKNOWN else said.battery,
        ref_boot=said.ref_boot if refers else None,
        ref_seq=said.ref_seq if refers else None,
        **more,
        **common,
    )


def clock_proved(event: Event, heard: Heard, opened: Opened, now: datetime) -> datetime | None:
    """Return the latest instant since when the device's clock may be taken as set, on its own evidence; or None.

    That an answer arrived in time to set the clock cannot be known: the Ack of a heartbeat is never confirmed, and
    `felt` proves that one came, not that it came within the 60 s in which it counts. What the sealed event itself
    says can be relied on: made under a clock alias with a valid clock, it names the time it was made at.
    """
    if opened.mode != CLOCK_MODE or not event.time_known or event.kind in _FLAGS_ARE_NO_FLAGS:
        return None
    if not event.flags & kinds.CLOCK_VALID:
        return None
    said = wire.decode_up(heard.frame[0], opened.body)
    if isinstance(said, wire.Full):
        return own_time.as_if_set_at(said.unix_s, now) if said.unix_s else None
    unix_s = times.resolve_when(said.when, int(now.timestamp()))
    return None if unix_s is None else own_time.as_if_set_at(unix_s, now)


def full_form_only(said: wire.Full, occurred_at: datetime | None) -> dict[str, Any]:
    """Return what only a full form says; what it does not know is left out, never 0,0 in the stead of a position.

    A position's age counts from the event's own time: where that is not known (None), neither is the position's.
    """
    found: dict[str, Any] = {"faults": said.faults}
    # Nobody is at 0,0, in the Gulf of Guinea: these are a modem's zeros, and would send the incident to another desk.
    if said.lat_e7 != kinds.POSITION_UNKNOWN and (said.lat_e7 or said.lon_e7):
        age_s = None if said.fix_age_s == kinds.AGE_UNKNOWN else said.fix_age_s
        found |= {
            "lat_e7": said.lat_e7,
            "lon_e7": said.lon_e7,
            "radius_m": said.radius_m or None,
            "fix_age_s": age_s,
            "fix_at": None
            if age_s is None or occurred_at is None
            else occurred_at - timedelta(seconds=age_s),
        }
    if said.mcc and said.cell:
        found["cell"] = f"{said.mcc}-{said.mnc}-{said.tac}-{said.cell}"
    if said.battery_mv:
        found["battery_mv"] = said.battery_mv
    if said.press_count:
        found["press_count"] = said.press_count
    return found
