"""The watch's story: tried at home, where hubs hear it; an SOS on Castelldefels beach, where none does."""

import time
from datetime import UTC, datetime
from typing import Any

from .stage import STEP_S, Stage, accept, close, ms_since, named, press, step

CASTELLDEFELS = "08056"
# A turn of the receiver begins up to half a minute after the last one, lasts its setting, and the modem comes back.
POSITION_S = 90.0


async def send_to(stage: Stage, place: str, devices: list[int]) -> None:
    """Let wearers be somewhere else at once: away from home no hub hears them."""
    for device in devices:
        await stage.wearers.post(f"/devices/{device}/place", {"name": place})


def _where(incident: dict[str, Any]) -> str:
    place = incident["position"]
    age_s = (datetime.now(UTC) - datetime.fromisoformat(place["at"])).total_seconds()
    return (
        f"{place['lat']:.4f}, {place['lon']:.4f} ± {place['radius_m']} m, {age_s:.0f} s old, "
        f"in {incident['town_name']} ({incident['town']})"
    )


def _by_itself(incident: dict[str, Any]) -> bool:
    return bool(incident["position"]) and incident["position"]["source"] == "device"


async def trial(stage: Stage, watch: int) -> None:
    """At home: hub and LTE both carry the alarm, one incident comes of it, and the watch learns where it is."""
    say, who = stage.say, named(watch)
    say(f"{who}: at home in Cornellà its wearer tries it; hubs and the mobile network both hear it …")
    made = await press(stage, watch, say)
    incident_id = made.seen.incident["id"]
    await accept(stage, watch, incident_id)
    with step(f"{who} finds satellites at home"):
        found = await stage.desk.wait_incident(watch, made.seen.t_ns, ("accepted",), POSITION_S, _by_itself)
    say(f"{who}: its own place is on the desk: {_where(found.incident)}")
    await close(stage, watch, incident_id)


async def sos(stage: Stage, watch: int) -> None:
    """The beach: pending with the last known place, received, accepted, a turn of GNSS, the right town, closed."""
    say, who, desk = stage.say, named(watch), stage.desk
    await send_to(stage, "beach", [watch])
    say(f"{who}: on the beach of Castelldefels, no hub in reach; the wearer holds the button for a second …")
    made = await press(stage, watch, say)
    first = made.seen.incident
    with step(f"the SOS of {who} says where it last was"):
        if not _by_itself(first):
            first = (
                await desk.wait_incident(watch, made.seen.t_ns, ("pending", "open"), STEP_S, _by_itself)
            ).incident
    say(f"{who}: the desk has the last known place: {_where(first)}")
    accepted_ns = time.monotonic_ns()
    await accept(stage, watch, first["id"], say)
    say(f"{who}: answered, so the modem may be deaf for a while: it looks for satellites …")
    with step(f"the place of {who} on the beach is on the desk of Castelldefels"):
        found = await desk.wait_incident(
            watch, accepted_ns, ("accepted",), POSITION_S, lambda i: i["town"] == CASTELLDEFELS
        )
    say(
        f"{who}: {ms_since(accepted_ns, found.t_ns) / 1000:.1f} s later the desk shows {_where(found.incident)}"
    )
    await close(stage, watch, first["id"], say)
