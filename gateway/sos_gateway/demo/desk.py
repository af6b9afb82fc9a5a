"""The officer's side of the demo: reads the event stream as a console does, accepts and closes."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx


@dataclass
class Sighting:
    """One message of the event stream, with the moment the desk had read it."""

    t_ns: int
    incident: dict = field(repr=False)


class Desk:
    """A client of the gateway like any other: token, event stream, accept, close."""

    def __init__(self, base_url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        self._seen: dict[int, list[Sighting]] = defaultdict(list)  # by device
        self._changed: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def close(self) -> None:
        await self._client.aclose()

    async def listen(self, ready: asyncio.Event) -> None:
        """Follow the event stream until cancelled."""
        async with self._client.stream("GET", "/api/events", timeout=None) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                ready.set()
                if line.startswith("data:"):
                    self._note(json.loads(line[5:]), time.monotonic_ns())

    def _note(self, incident: dict, t_ns: int) -> None:
        if "device" not in incident:
            return
        self._seen[incident["device"]].append(Sighting(t_ns, incident))
        self._changed[incident["device"]].set()

    async def wait_incident(
        self,
        device: int,
        since_ns: int,
        states: tuple[str, ...],
        timeout_s: float,
        holds: Callable[[dict], bool] = lambda incident: True,
    ) -> Sighting:
        """Wait for the first message about a device's incident in one of the states, read after since_ns."""

        def fits(seen: Sighting) -> bool:
            return seen.t_ns >= since_ns and seen.incident["state"] in states and holds(seen.incident)

        def found() -> Sighting | None:
            return next((seen for seen in self._seen[device][-30:] if fits(seen)), None)

        try:
            async with asyncio.timeout(timeout_s):
                while (sighting := found()) is None:
                    self._changed[device].clear()
                    await self._changed[device].wait()
        except TimeoutError:
            raise TimeoutError(
                f"the desk saw no incident of device {device} ({' or '.join(states)}) within {timeout_s:g} s"
            ) from None
        return sighting

    async def accept(self, incident_id: int) -> None:
        (await self._client.post(f"/api/incidents/{incident_id}/accept")).raise_for_status()

    async def close_incident(self, incident_id: int, disposition: str) -> None:
        answer = await self._client.post(
            f"/api/incidents/{incident_id}/close", json={"disposition": disposition}
        )
        answer.raise_for_status()
