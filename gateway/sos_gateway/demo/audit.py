"""The reckoning, from the outside: what was pressed and felt against what the database holds."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sos_wire import kinds

ALARM_KINDS = (kinds.SOS, kinds.SILENT, kinds.FALL, kinds.DURESS)


@dataclass
class Reckoning:
    alarms: int
    incidents: int
    lost: int
    duplicated: int
    told_received_but_not_stored: int

    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.told_received_but_not_stored)


async def reckon(store: Any, raised: Counter[int], received: dict[int, int]) -> Reckoning:
    """Compare alarms raised by the wearers (per device) with what is stored.

    Every alarm here is an emergency of its own: the incident before it was closed or cancelled. `received` counts how
    often each wearer was told that an alarm is stored.
    """
    async with store.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT device, count(*) AS events, count(incident_id) AS placed FROM event WHERE kind = ANY(%s) "
            "GROUP BY device",
            (list(ALARM_KINDS),),
        )
        events = {row["device"]: (row["events"], row["placed"]) for row in await cursor.fetchall()}
        cursor = await tx.connection.execute("SELECT device, count(*) AS n FROM incident GROUP BY device")
        incidents = {row["device"]: row["n"] for row in await cursor.fetchall()}
    lost = duplicated = told = 0
    for device, pressed in raised.items():
        stored, placed = events.get(device, (0, 0))
        lost += max(0, pressed - placed)
        duplicated += max(0, stored - pressed) + max(0, incidents.get(device, 0) - pressed)
        told += max(0, received.get(device, 0) - stored)
    return Reckoning(sum(raised.values()), sum(incidents.values()), lost, duplicated, told)
