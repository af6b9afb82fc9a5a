"""What officers do to incidents: accept, close, cancel; and what time does: a pending one opens."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sos_wire import kinds

from .domain import incident as life
from .domain.models import Incident, OutboxRow, Timer, Transition, Wearer
from .errors import Conflict, NotFound
from .ingest.accept import ANSWER_LASTS

RowsFor = Callable[[Incident, Wearer, str, datetime], list[OutboxRow]]


class Incidents:
    """Every change of an incident's state that is not a device's own doing."""

    def __init__(self, *, store: Any, clock: Callable[[], datetime], rows_for: RowsFor) -> None:
        self._store = store
        self._clock = clock
        self._rows_for = rows_for

    async def accept(self, incident_id: int, who: str) -> Incident:
        """An officer takes the incident. A pending one opens at once; of two officers one gets it."""
        async with self._store.transaction() as tx:
            before = await self._locked(tx, incident_id)
            if before.state == "accepted":
                raise Conflict(f"{before.accepted_by} has already accepted incident {incident_id}.")
            self._require(before, "accepted")
            after = life.accepted(before, who, self._clock())
            await self._moved(tx, before, after, "accepted", who)
            await tx.release_outbox(incident_id, self._clock())
            await self._answer(tx, after, kinds.ACCEPTED)
        return after

    async def close(self, incident_id: int, who: str, disposition: str) -> Incident:
        """An officer ends an accepted incident and says what it was."""
        if disposition not in life.DISPOSITIONS:
            raise Conflict(f"{disposition!r} is no disposition: use one of {', '.join(life.DISPOSITIONS)}.")
        async with self._store.transaction() as tx:
            before = await self._locked(tx, incident_id)
            self._require(before, "closed")
            after = life.closed(before, disposition, self._clock())
            await self._moved(tx, before, after, "closed", who, disposition)
            await self._answer(tx, after, kinds.CLOSED)
        return after

    async def cancel(self, incident_id: int, who: str, note: str) -> Incident:
        """An officer cancels an incident that should not be."""
        async with self._store.transaction() as tx:
            before = await self._locked(tx, incident_id)
            self._require(before, "cancelled")
            after = life.cancelled(before, self._clock())
            # First what was never tried, then the message that cancels what was.
            await tx.withdraw_outbox(incident_id)
            await self._moved(tx, before, after, "cancelled", who, note)
            await self._answer(tx, after, kinds.WITHDRAWN)
        return after

    async def open_due(self, limit: int = 50) -> int:
        """Open what is pending and whose cancel window is over; any process may do it. Returns how many rows fell due."""
        now = self._clock()
        for done in range(limit):
            # One transaction for each: two processes that held several wearers would wait for one another.
            async with self._store.transaction() as tx:
                timers = await tx.due_timers(now, 1)
                if not timers:
                    return done
                await self._open(tx, timers[0], now)
        return limit

    async def _open(self, tx: Any, timer: Timer, now: datetime) -> None:
        before = await self._locked(tx, timer.incident_id)
        event = await tx.event(timer.number)
        if before.state != "pending" or event is None or event.cancelled:
            return
        after = life.opened_now(before, now)
        await self._moved(tx, before, after, "opened", "timer")
        await tx.release_outbox(before.id, now)

    async def _locked(self, tx: Any, incident_id: int) -> Incident:
        incident = await tx.incident(incident_id)
        if incident is None:
            raise NotFound(f"There is no incident {incident_id}.")
        # The wearer's row first, as for alarms: two ways of locking would wait for one another for ever.
        await tx.lock_wearer(incident.device)
        return await tx.incident(incident_id, lock=True)

    def _require(self, incident: Incident, wanted: str) -> None:
        if wanted not in life.ARROWS[incident.state]:
            raise Conflict(f"Incident {incident.id} is {incident.state}, so it cannot become {wanted}.")

    async def _moved(
        self, tx: Any, before: Incident, after: Incident, what: str, who: str, note: str = ""
    ) -> None:
        await tx.update_incident(after)
        await tx.add_transition(
            Transition(after.id, what, before.state, after.state, who, after.updated_at, note)
        )
        wearer = await tx.lock_wearer(after.device)
        await tx.add_outbox(self._rows_for(after, wearer, what, after.updated_at))

    async def _answer(self, tx: Any, incident: Incident, state: int) -> None:
        """Tell the device of each alarm in the incident; duress gets *received* and no other (docs/wire.md)."""
        for event in await tx.events_of(incident.id):
            if event.boot < 0:
                continue  # of the device's earlier life (keys/registry.py): nobody waits for its answer
            if life.is_alarm(event) and event.kind != kinds.DURESS and not life.is_withdrawn(incident, event):
                await tx.put_down(event.number, state, incident.updated_at, ANSWER_LASTS)
