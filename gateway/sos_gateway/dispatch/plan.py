"""Which destinations are told of a change, and what: pure, called inside the incident's own transaction."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from ..config import Destination
from ..domain.incident import DISCREET
from ..domain.models import Incident, OutboxRow, Wearer

# Changes that leave the house; what only the desk needs stays in it.
TOLD = {
    "raised": "alert",
    "located": "update",
    "moved": "update",
    "pressed again": "update",
    "late report": "update",
    "position disputed": "update",
    "wearer says false alarm": "update",
    "accepted": "update",
    "closed": "update",
    "cancelled": "cancel",
    "withdrawn by the wearer": "cancel",
}


def stamp(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at else None


def content(incident: Incident, wearer: Wearer, what: str) -> dict[str, Any]:
    """Return what a destination may know.

    Discreet alarms, and all alarms of a wearer whose profile says `protected` (gender violence), carry no name:
    a message that goes astray must not tell whom it is about. The desk, behind its log-in, shows it.
    """
    discreet = incident.silent or incident.kind in DISCREET or bool(wearer.profile.get("protected"))
    position = None
    if incident.lat_e7 is not None and incident.lon_e7 is not None:
        position = {
            "latitude": incident.lat_e7 / 1e7,
            "longitude": incident.lon_e7 / 1e7,
            "radius_m": incident.radius_m,
            "source": incident.position_source,
            "at": stamp(incident.position_at),
            "disputed": incident.disputed,
        }
    return {
        "incident": incident.id,
        "change": what,
        "kind": incident.kind,
        # A pending incident's message leaves only when it opens (not_before), so it speaks of an open one.
        "state": "open" if incident.state == "pending" else incident.state,
        "town": incident.town,
        "also_towns": list(incident.also_towns),
        "press_count": incident.press_count,
        "late": incident.late,
        "wearer_says_false_alarm": incident.says_false_alarm,
        "occurred_at": stamp(incident.occurred_at),
        "received_at": stamp(incident.received_at),
        "accepted_by": incident.accepted_by,
        "disposition": incident.disposition,
        "position": position,
        "cell": incident.cell,
        "wearer": None if discreet else {"name": wearer.name, "language": wearer.language},
    }


def planner(
    destinations: Sequence[Destination],
) -> Callable[[Incident, Wearer, str, datetime], list[OutboxRow]]:
    """Return the function the incident services call: rows for one change, for the destinations it concerns."""

    def rows_for(incident: Incident, wearer: Wearer, what: str, now: datetime) -> list[OutboxRow]:
        kind = TOLD.get(what)
        if kind is None:
            return []
        not_before = incident.pending_until if incident.state == "pending" and incident.pending_until else now
        towns = {incident.town, *incident.also_towns}
        return [
            OutboxRow(
                incident_id=incident.id,
                destination=destination.name,
                kind=kind,
                identifier=identifier(incident, destination.name, what, now),
                payload=content(incident, wearer, what),
                not_before=not_before,
                created_at=now,
            )
            for destination in destinations
            if not destination.towns or towns & set(destination.towns)
        ]

    return rows_for


def identifier(incident: Incident, destination: str, what: str, now: datetime) -> str:
    """Return the stable name of one message: the same in every repetition of it, of no other message.

    The press count tells two presses apart that a clock puts into one microsecond.
    """
    moment = int(now.timestamp() * 1_000_000)
    return f"socors-{incident.id}-{destination}-{what.replace(' ', '-')}-{incident.press_count}-{moment}"
