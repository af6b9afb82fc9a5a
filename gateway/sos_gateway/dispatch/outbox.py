"""Delivers outbox rows: claimed with a lease, in order per incident and destination, until confirmed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from ..config import Destination
from ..store import named_queries
from . import cap, retry, webhook

QUERIES = named_queries.load("dispatch")
LEASE = timedelta(seconds=90)  # longer than the longest time-out of a destination (60 s)
AT_ONCE = 8
# Without a notice a waiting row is looked for this often: timers of other processes, ended leases.
POLL_S = 1.0

log = logging.getLogger("socors.dispatch")


class Dispatcher:
    """One worker; any number of them, in any number of processes, share the table."""

    def __init__(
        self,
        *,
        store: Any,
        destinations: Sequence[Destination],
        clock: Callable[[], datetime],
        sender: str,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._store = store
        self._destinations = {d.name: d for d in destinations}
        self._clock = clock
        self._sender = sender
        self._client = client or httpx.AsyncClient(follow_redirects=False)
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self.wake.clear()
            try:
                delivered = await self.deliver_due()
            except OSError as error:
                log.warning("the outbox cannot be read: %s", error)
                delivered = 0
            if not delivered:
                try:
                    await asyncio.wait_for(self.wake.wait(), POLL_S)
                except TimeoutError:
                    continue

    async def deliver_due(self) -> int:
        """Claim what is due and deliver it; return how many rows were tried."""
        now = self._clock()
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                QUERIES["claim_outbox"], {"now": now, "lease_until": now + LEASE, "limit": AT_ONCE}
            )
            rows = await cursor.fetchall()
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._deliver(row), name=f"outbox {row['id']}")
        return len(rows)

    async def _deliver(self, row: dict[str, Any]) -> None:
        destination = self._destinations.get(row["destination"])
        if destination is None:
            return await self._failed(row, f"destination {row['destination']} is no longer configured")
        try:
            content, content_type = await self._message(row, destination)
            headers = webhook.headers(
                row["identifier"], self._clock(), content, destination.secret.get_secret_value(), content_type
            )
            answer = await self._client.post(
                destination.url, content=content, headers=headers, timeout=destination.timeout_s
            )
        except (httpx.HTTPError, cap.CapError) as error:
            return await self._failed(row, f"{type(error).__name__}: {error}")
        if 200 <= answer.status_code < 300:
            await self._run("confirm_outbox", id=row["id"])
        else:
            await self._failed(row, f"answered {answer.status_code}")

    async def _message(self, row: dict[str, Any], destination: Destination) -> tuple[bytes, str]:
        if destination.kind == "webhook":
            return webhook.body(row), "application/cloudevents+json"
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                QUERIES["earlier_messages"],
                {"destination": row["destination"], "incident_id": row["incident_id"], "id": row["id"]},
            )
            earlier = [(r["identifier"], r["created_at"]) for r in await cursor.fetchall()]
        return cap.build(row, self._sender, earlier), "application/cap+xml"

    async def _failed(self, row: dict[str, Any], error: str) -> None:
        wait = retry.delay(row["attempts"])
        log.warning(
            "%s to %s: %s (attempt %d)", row["identifier"], row["destination"], error, row["attempts"]
        )
        if wait is None:
            await self._run("bury_outbox", id=row["id"], error=error)
        else:
            await self._run("retry_outbox", id=row["id"], error=error, next_at=self._clock() + wait)

    async def _run(self, name: str, **values: Any) -> None:
        async with self._store.transaction() as tx:
            await tx.connection.execute(QUERIES[name], values)

    async def replay(self, row_id: int) -> bool:
        """Put a dead row back to waiting; return whether there was one."""
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                QUERIES["replay_outbox"], {"id": row_id, "now": self._clock()}
            )
            return await cursor.fetchone() is not None
