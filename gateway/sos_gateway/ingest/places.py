"""Where an incident is: the device's own position, its cell, or the place of the hub that heard it; and its town."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..domain import positions
from ..domain.incident import OVER
from ..domain.models import BLE, Event, Hub, Incident, Sighting, Wearer

if TYPE_CHECKING:
    from .accept import Heard

DISPUTE_WITHIN = timedelta(minutes=10)
DISPUTE_BEYOND_M = 1000
HUB_REACH_M = 100  # beyond this a pendant's advertisement is hardly ever heard


class Places:
    """Puts incidents where they are; `moved` writes a step of their history and tells destinations."""

    def __init__(
        self,
        *,
        town_of: Callable[[int, int], str],
        distance_m: positions.Distance,
        moved: Callable[..., Awaitable[None]],
    ) -> None:
        self._town_of = town_of
        self._distance_m = distance_m
        self._moved = moved

    async def placed(self, tx: Any, incident: Incident, event: Event, heard: "Heard") -> Incident:
        """Put the best position known on the incident, and the town that follows from it.

        This comes before its messages are written: they must go to the right town, and say where.
        """
        incident = positions.with_what_it_says(incident, event)
        heard_at = min(heard.heard_at, event.received_at)
        # A text message comes from wherever there is a network: its hub is no place of the wearer's.
        if heard.hub is not None and heard.via == BLE and positions.hub_says_more(incident, heard_at):
            hub = (await tx.hubs()).get(heard.hub)
            if hub is not None and hub.lat_e7 is not None:
                incident = _at_hub(incident, hub, heard_at)
        return positions.as_told(self._in_its_town(incident))

    def _in_its_town(self, incident: Incident) -> Incident:
        """Give the incident to the town its position lies in; a town that had it before goes on hearing of it."""
        if incident.lat_e7 is None or incident.lon_e7 is None or not positions.routes(incident):
            return incident
        town = self._town_of(incident.lat_e7, incident.lon_e7)
        others = {*incident.also_towns, *([incident.town] if incident.id else [])} - {town}
        return replace(incident, town=town, also_towns=tuple(sorted(others)))

    async def learnt(self, tx: Any, before: Incident, event: Event, wearer: Wearer, now: datetime) -> None:
        """An event tells where an open incident is: show it, and tell destinations when it is another place.

        Each position would be a message in ten seconds: only the first, and those that lie elsewhere, are told.
        """
        after = self._in_its_town(positions.with_what_it_says(before, event))
        if before.state in OVER or after == before:
            return
        after = replace(after, updated_at=now)
        what = positions.worth_telling(after, before, self._distance_m)
        if what is None:
            await tx.update_incident(after)
            await tx.notice_position(after.id)
            return
        after = positions.as_told(after)
        await tx.update_incident(after)
        await self._moved(tx, before, after, what, wearer, now, positions.BY_DEVICE)

    async def dispute(self, tx: Any, incident_id: int, here: Sighting, now: datetime) -> None:
        """Mark the position disputed when a hub more than 1 km away has heard the same event within 10 min."""
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
            apart_m = self._distance_m((this.lat_e7, this.lon_e7), (far.lat_e7, far.lon_e7))
            if apart_m > DISPUTE_BEYOND_M:
                await self._mark_disputed(tx, incident, this, far, now)
                return

    async def _placed_by_hub(
        self, tx: Any, incident: Incident, hub: Hub, seen: Sighting, now: datetime
    ) -> Incident:
        """A hub whose place is known has heard it, too: the first that heard it had none."""
        placed = self._in_its_town(_at_hub(replace(incident, updated_at=now), hub, seen.heard_at))
        placed = positions.as_told(placed)
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


def _at_hub(incident: Incident, hub: Hub, at: datetime) -> Incident:
    return replace(
        incident,
        lat_e7=hub.lat_e7,
        lon_e7=hub.lon_e7,
        radius_m=HUB_REACH_M,
        position_source=f"hub {hub.id}",
        position_at=at,
    )
