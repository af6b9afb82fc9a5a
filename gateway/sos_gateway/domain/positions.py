"""Which of two positions an incident shows, and when its destinations are told of another: pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from .models import Event, Incident

# A destination hears of a new place when it lies further from the last one it was told than this, or than its radius.
MOVED_M = 100
# So much older than a hub's hearing of her a position may be and still say more: she walks out of its reach in it.
OUTLIVES_BY = timedelta(minutes=2)
# A rough position does not take the place of a fine one until she may have gone so far from there: as fast as a car in town.
GOES_M_PER_S = 15
# A wider one lies in any of several towns, and moves nothing to another desk.
ROUTES_WITHIN_M = 3000
BY_DEVICE, BY_CELL = "device", "cell"

Distance = Callable[[tuple[int, int], tuple[int, int]], float]


def with_what_it_says(incident: Incident, event: Event) -> Incident:
    """Return the incident with an event's position and cell, where they are newer by their own time than what it has."""
    if event.cell is not None and (incident.cell_at is None or incident.cell_at <= event.occurred_at):
        incident = replace(incident, cell=event.cell, cell_at=event.occurred_at)
        if incident.lat_e7 is None:
            incident = replace(incident, position_source=BY_CELL)
    if event.lat_e7 is None or event.lon_e7 is None or not _wins(incident, event):
        return incident
    return replace(
        incident,
        lat_e7=event.lat_e7,
        lon_e7=event.lon_e7,
        radius_m=event.radius_m,
        position_source=BY_DEVICE,
        position_at=event.fix_at,
    )


def _wins(incident: Incident, event: Event) -> bool:
    """Whether an event's position takes the place of the incident's: one of unknown age only where there is none."""
    if incident.lat_e7 is None or (incident.position_at is None and event.fix_at is not None):
        return True
    if event.fix_at is None or incident.position_at is None:
        return False
    if incident.position_source.startswith("hub "):
        return event.fix_at >= incident.position_at - OUTLIVES_BY
    return event.fix_at >= incident.position_at and not _is_rougher(incident, event)


def _is_rougher(incident: Incident, event: Event) -> bool:
    """Whether the incident's older position still says more than an event's wide one."""
    assert event.fix_at and incident.position_at
    if event.radius_m is None or incident.radius_m is None:
        return False
    gone_m = GOES_M_PER_S * (event.fix_at - incident.position_at).total_seconds()
    return event.radius_m > max(MOVED_M, incident.radius_m) + gone_m


def routes(incident: Incident) -> bool:
    """Whether the incident's position tells in which town it is."""
    return incident.lat_e7 is not None and (incident.radius_m or 0) <= ROUTES_WITHIN_M


def hub_says_more(incident: Incident, heard_at: datetime) -> bool:
    """Whether the hub that heard her is the better place: the incident has none, or one that she has long left."""
    if incident.lat_e7 is None:
        return True
    if incident.position_source != BY_DEVICE:
        return False
    return incident.position_at is None or incident.position_at < heard_at - OUTLIVES_BY


def as_told(incident: Incident) -> Incident:
    """Return the incident whose present position its destinations are told with this change."""
    return replace(incident, told_lat_e7=incident.lat_e7, told_lon_e7=incident.lon_e7)


def worth_telling(incident: Incident, before: Incident, distance_m: Distance) -> str | None:
    """Return what destinations are told of its position: "located" at first, "moved" when it is another place.

    A town that has had it already is told no more for each step to and fro over its border.
    """
    if incident.lat_e7 is None or incident.lon_e7 is None:
        return None
    if incident.told_lat_e7 is None or incident.told_lon_e7 is None:
        return "located"
    way_m = distance_m((incident.told_lat_e7, incident.told_lon_e7), (incident.lat_e7, incident.lon_e7))
    is_new_town = incident.town not in (before.town, *before.also_towns)
    moved = way_m > max(incident.radius_m or 0, MOVED_M) or is_new_town
    return "moved" if moved else None


def with_more(stored: Event, copy: Event) -> Event:
    """Return a stored event with what a full copy of it says and it does not: each thing once, presses the most."""
    more: dict[str, object] = {}
    if stored.lat_e7 is None and copy.lat_e7 is not None:
        more = {name: getattr(copy, name) for name in ("lat_e7", "lon_e7", "radius_m", "fix_age_s", "fix_at")}
    for name in ("cell", "battery_mv", "faults"):
        if getattr(stored, name) is None:
            more[name] = getattr(copy, name)
    if (copy.press_count or 0) > (stored.press_count or 0):
        more["press_count"] = copy.press_count
    return replace(stored, **more)  # type: ignore[arg-type]
