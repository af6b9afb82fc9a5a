"""What is let go when it has served: telemetry, sightings, notes of frames, tracks, evidence; never a key, never history."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

# Each transaction removes so few rows that no alarm waits for its locks; a pause follows each.
AT_ONCE = 2000
PAUSE_S = 0.2
ROUND_S = 3600.0

log = logging.getLogger("socors.retention")


class Retention:
    """Removes rows older than the settings say, a little at a time; any number of processes may do so at once."""

    def __init__(
        self,
        *,
        store: Any,
        clock: Callable[[], datetime],
        telemetry_days: int,
        hub_frame_days: int,
        track_days: int,
    ):
        self._store = store
        self._clock = clock
        self._ages = (
            ("remove_telemetry", timedelta(days=telemetry_days)),
            ("remove_sightings", timedelta(days=telemetry_days)),
            ("remove_hub_frames", timedelta(days=hub_frame_days)),
            ("remove_tracks", timedelta(days=track_days)),
            ("remove_evidence", timedelta(days=track_days)),
            ("remove_told_places", timedelta(days=track_days)),
        )

    async def run(self) -> None:
        """Remove what is old, once an hour, until cancelled."""
        while True:
            gone = await self.once()
            if any(gone.values()):
                log.info("let go: %s", ", ".join(f"{name} {n}" for name, n in gone.items() if n))
            await asyncio.sleep(ROUND_S)

    async def once(self) -> dict[str, int]:
        """Remove everything that is old now; return how many rows by query."""
        gone: dict[str, int] = {}
        for query, age in self._ages:
            gone[query] = 0
            while (n := await self._some(query, self._clock() - age)) > 0:
                gone[query] += n
                await asyncio.sleep(PAUSE_S if n == AT_ONCE else 0)
        return gone

    async def _some(self, query: str, oldest: datetime) -> int:
        async with self._store.transaction() as tx:
            row = await tx.one(query, oldest=oldest, limit=AT_ONCE)
        return row["n"] if row else 0
