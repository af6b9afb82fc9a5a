"""Takes one heard frame to its place: one transaction that stores the event, its incident, its answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from sos_wire import frame as wire
from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE

from ..domain import incident as life
from ..domain import own_time
from ..domain.models import UNREADABLE, Event, Incident, OutboxRow, Sighting, Timer, Transition, Wearer

ANSWER_LASTS = timedelta(hours=24)
DISPUTE_WITHIN = timedelta(minutes=10)
# An answer whose next turn is further away than one hub's turn rests, because no hub could carry it.
RESTED = timedelta(milliseconds=500)
# Their flags byte holds a state or minutes.
_FLAGS_ARE_NO_FLAGS = (UNREADABLE, kinds.FELT, kinds.PREVENTIVE_EXTENDED)
HUB_REACH_M = 100  # beyond this a pendant's advertisement is hardly ever heard


class Outcome(Enum):
    """What became of a frame."""

    COMMITTED = "committed"
    REPEATED = "repeated"  # an event already stored
    REFUSED = "refused"  # bytes nobody sealed, or of no length we know
    UNRESOLVED = "unresolved"  # kept: the alias is not known now


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame as a hub heard it, or as a device published it (hub None)."""

    frame: bytes
    hub: str | None
    heard_at: datetime
    rssi: int = 0
    spool: str = ""
    n: int = 0


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
        self._town_of = town_of
        self._rows_for = rows_for
        self._distance_m = distance_m

    async def accept(self, heard: Heard) -> Accepted:
        """Store what was heard. Never raises for what the bytes say; database errors pass to the caller."""
        now = self._clock()
        if len(heard.frame) not in kinds.FORM_OF_LENGTH:
            return await self._without_event(heard, Outcome.REFUSED, "refused_length", now)
        opened = self._resolver.open(heard.frame, heard.heard_at)
        if opened is None:
            async with self._store.transaction() as tx:
                await tx.keep_unresolved(heard.frame, heard.hub or "", heard.heard_at, now)
                await tx.count("unresolved")
                await self._record(tx, heard, Outcome.UNRESOLVED, now)
            return Accepted(Outcome.UNRESOLVED)
        return await self.accept_opened(heard, opened, now)

    def told(self, frame: bytes, heard_at: datetime) -> Told | None:
        """Return what a frame tells, before it is stored; None when it cannot be opened now."""
        if len(frame) not in kinds.FORM_OF_LENGTH:
            return None
        opened = self._resolver.open(frame, heard_at)
        if opened is None:
            return None
        try:
            said = wire.decode_up(frame[0], opened.body)
        except wire.FrameError:
            return Told(opened.device, UNREADABLE, (0, 0))
        return Told(opened.device, said.kind, (said.boot, said.seq))

    async def accept_opened(self, heard: Heard, opened: Opened, now: datetime) -> Accepted:
        """Store the event of a frame that its device's keys have opened."""
        event = decode(heard, opened, now)
        moved = None
        async with self._store.transaction() as tx:
            if not await tx.claim_event(event.number):
                result = await self._repeated(tx, heard, event)
            else:
                clock_set_at = clock_proved(event, heard, opened, now)
                moved = await tx.touch_device(
                    event.number, now, opened.mode, opened.index, event.battery, clock_set_at
                )
                result = await self._first(tx, event, heard, now)
                # After the wearer is locked: officers lock the wearer first and the answers then.
                await tx.downs_fall_due(event.device, now, now + RESTED)
            if heard.hub is not None:
                sighting = Sighting(event.number, heard.hub, heard.rssi, heard.heard_at)
                await tx.add_sighting(sighting)
                if result.incident_id is not None:
                    await self._dispute(tx, result.incident_id, sighting, now)
            await self._record(tx, heard, Outcome.COMMITTED, now)
        if moved is not None:
            self._resolver.moved(event.device, *moved)
        return result

    async def _without_event(self, heard: Heard, outcome: Outcome, counter: str, now: datetime) -> Accepted:
        async with self._store.transaction() as tx:
            await tx.count(counter)
            await self._record(tx, heard, outcome, now)
        return Accepted(outcome)

    async def _record(self, tx: Any, heard: Heard, outcome: Outcome, now: datetime) -> None:
        if heard.hub is not None and heard.n:
            await tx.record_frame(heard.hub, heard.spool, heard.n, outcome.value, now)

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
        await tx.insert_event(event)
        if event.kind in kinds.ANSWERED_ONCE or event.kind not in kinds.REFERRING:
            return Accepted(Outcome.COMMITTED, event, answer_now=kinds.RECEIVED)
        await tx.put_down(event.number, kinds.RECEIVED, now, ANSWER_LASTS)
        return Accepted(Outcome.COMMITTED, event)

    async def _alarm(self, tx: Any, event: Event, heard: Heard, wearer: Wearer, now: datetime) -> Accepted:
        if event.kind in kinds.CANCELLABLE and await tx.was_cancelled(event.number, kinds.CANCELLED):
            event = replace(event, cancelled=True)
        current = await tx.current_incident(wearer.id)
        if current is None:
            current = await self._late_report(tx, event, wearer, now)
        if current is not None:
            incident = life.join(current, event, now)
            incident = await self._placed(tx, incident, event, heard)
            await tx.update_incident(incident)
            what = "late report" if current.state in life.OVER else "pressed again"
            if event.cancelled:
                what = "withdrawn alarm"
            await self._moved(tx, current, incident, what, wearer, now)
        else:
            incident = life.begin(event, wearer.id, wearer.home_town, now)
            incident = await tx.insert_incident(await self._placed(tx, incident, event, heard))
            note = life.kind_name(event.kind)
            await self._moved(tx, None, incident, "raised", wearer, now, note)
        event = replace(event, incident_id=incident.id)
        await tx.insert_event(event)
        if incident.state == "pending" and not event.cancelled:
            await tx.add_timer(Timer(life.opens_at(event), "open", incident.id, event.number))
        await tx.put_down(event.number, life.answer_state(incident, event), now, ANSWER_LASTS)
        return Accepted(Outcome.COMMITTED, event, incident.id)

    async def _late_report(self, tx: Any, event: Event, wearer: Wearer, now: datetime) -> Incident | None:
        for past in await tx.closed_incidents(wearer.id, now - life.LATE_REPORT_WINDOW):
            if life.covers(past, event, now):
                return replace(past, late=True)
        return None

    async def _placed(self, tx: Any, incident: Incident, event: Event, heard: Heard) -> Incident:
        """Put the best position known on the incident, and the town that follows from it.

        This comes before its messages are written: they must go to the right town, and say where.
        """
        if event.lat_e7 is not None and event.lon_e7 is not None:
            incident = replace(
                incident,
                lat_e7=event.lat_e7,
                lon_e7=event.lon_e7,
                radius_m=event.radius_m,
                position_source="device",
                position_at=event.occurred_at - timedelta(seconds=event.fix_age_s or 0),
            )
        elif incident.lat_e7 is None and heard.hub is not None:
            hub = (await tx.hubs()).get(heard.hub)
            if hub is not None and hub.lat_e7 is not None:
                incident = _at_hub(incident, hub, min(heard.heard_at, event.received_at))
        return self._in_its_town(incident)

    def _in_its_town(self, incident: Incident) -> Incident:
        """Give the incident to the town its position lies in; a town that had it before goes on hearing of it."""
        if incident.lat_e7 is None or incident.lon_e7 is None:
            return incident
        town = self._town_of(incident.lat_e7, incident.lon_e7)
        others = {*incident.also_towns, *([incident.town] if incident.id else [])} - {town}
        return replace(incident, town=town, also_towns=tuple(sorted(others)))

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
        alarms = [event for event in await tx.events_of(incident.id) if event.kind != kinds.CANCELLED]
        after, what = life.taken_back(incident, alarms, now)
        if life.is_withdrawn(after, replace(named, cancelled=True)):
            await tx.put_down(named.number, kinds.WITHDRAWN, now, ANSWER_LASTS)
        if after.state == "cancelled":
            await tx.withdraw_outbox(incident.id)
        await tx.update_incident(after)
        await self._moved(tx, incident, after, what, wearer, now)

    # A copy of an event already stored changes nothing and is answered with the present state.

    async def _repeated(self, tx: Any, heard: Heard, copy: Event) -> Accepted:
        stored = await tx.event(copy.number)
        if stored is None or stored.incident_id is None or stored.kind == kinds.CANCELLED:
            return Accepted(Outcome.REPEATED, stored or copy, None, kinds.RECEIVED)
        incident = await tx.incident(stored.incident_id)
        return Accepted(Outcome.REPEATED, stored, incident.id, life.answer_state(incident, stored))

    async def _dispute(self, tx: Any, incident_id: int, here: Sighting, now: datetime) -> None:
        """Mark the position disputed when a hub more than 1 km away has heard the same device within 10 min."""
        hubs = await tx.hubs()
        this = hubs.get(here.hub)
        if this is None or this.lat_e7 is None:
            return
        await tx.lock_wearer(here.number.device)  # always before the incident: see Incidents._locked
        incident = await tx.incident(incident_id, lock=True)
        if incident.lat_e7 is None:
            incident = await self._placed_by_hub(tx, incident, this, here, now)
        for other in await tx.recent_sightings(here.number.device, here.heard_at - DISPUTE_WITHIN):
            far = hubs.get(other.hub)
            if far is None or far.lat_e7 is None or other.number != here.number:
                continue
            if self._distance_m((this.lat_e7, this.lon_e7), (far.lat_e7, far.lon_e7)) > 1000:
                await self._mark_disputed(tx, incident, this, far, now)
                return

    async def _placed_by_hub(
        self, tx: Any, incident: Incident, hub: Any, seen: Sighting, now: datetime
    ) -> Incident:
        """A hub whose place is known has heard it, too: the first that heard it had none."""
        placed = self._in_its_town(_at_hub(replace(incident, updated_at=now), hub, seen.heard_at))
        await tx.update_incident(placed)
        wearer = await tx.lock_wearer(incident.device)
        await self._moved(tx, incident, placed, "located", wearer, now, f"hub {hub.id}")
        return placed

    async def _mark_disputed(self, tx: Any, incident: Incident, one: Any, other: Any, now: datetime) -> None:
        if incident.disputed:
            return
        wearer = await tx.lock_wearer(incident.device)
        towns = {wearer.home_town, *(self._town_of(h.lat_e7, h.lon_e7) for h in (one, other))}
        after = replace(
            incident,
            disputed=True,
            also_towns=tuple(sorted({*incident.also_towns, *towns} - {incident.town})),
            updated_at=now,
        )
        await tx.update_incident(after)
        note = f"heard by {one.id} and by {other.id}, more than 1 km apart"
        await self._moved(tx, incident, after, "position disputed", wearer, now, note)


def _at_hub(incident: Incident, hub: Any, at: datetime) -> Incident:
    return replace(
        incident,
        lat_e7=hub.lat_e7,
        lon_e7=hub.lon_e7,
        radius_m=HUB_REACH_M,
        position_source=f"hub {hub.id}",
        position_at=at,
    )


def decode(heard: Heard, opened: Opened, now: datetime) -> Event:
    """Return the event in an opened frame; an authentic body nobody here can read is an unreadable alarm."""
    since_set = now - opened.clock_set_at if opened.clock_set_at else None
    error = own_time.clock_error(since_set)
    form = kinds.FORM_OF_LENGTH[len(heard.frame)]
    common: dict[str, Any] = {
        "device": opened.device,
        "received_at": now,
        "body": opened.body,
        "hub": heard.hub,
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
    refers = said.kind in kinds.REFERRING
    if isinstance(said, wire.Short):
        occurred_at, known = own_time.from_short(said.when, now, error)
        place: dict[str, Any] = {}
    else:
        age = None if said.age_s == kinds.AGE_UNKNOWN else said.age_s
        occurred_at, known = own_time.from_full(said.unix_s, age, now, error)
        place = position(said)
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
        **place,
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


def position(said: wire.Full) -> dict[str, Any]:
    """Return the position fields of a full form; nothing where it is unknown, never 0,0 in its stead."""
    if said.lat_e7 == kinds.POSITION_UNKNOWN:
        return {}
    return {
        "lat_e7": said.lat_e7,
        "lon_e7": said.lon_e7,
        "radius_m": said.radius_m,
        "fix_age_s": None if said.fix_age_s == kinds.AGE_UNKNOWN else said.fix_age_s,
    }
