"""Delivers outbox rows: claimed with a lease, in order per incident and destination, until confirmed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg

from ..config import Destination
from ..errors import in_a_line
from ..store import named_queries
from . import cap, retry, webhook

QUERIES = named_queries.load("dispatch")
LEASE = timedelta(seconds=90)  # longer than the longest time-out of a destination (60 s)
# Each destination has this many deliveries under way at most, so one that hangs holds up only itself.
AT_ONCE = 8
# Without a notice a waiting row is looked for this often: timers of other processes, ended leases.
POLL_S = 1.0
# A destination that answers again after such a silence gets at once what waits for it.
SILENCE = timedelta(seconds=30)

_DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)

log = logging.getLogger("socors.dispatch")


class Undeliverable(Exception):
    """This row can never be sent as it is; it goes to the dead letters at once."""


class Dispatcher:
    """One worker for each destination; any number of processes share the table."""

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
        self._destinations = tuple(destinations)
        self._clock = clock
        self._sender = sender
        self._client = client or httpx.AsyncClient(follow_redirects=False)
        self._wakes = {destination.name: asyncio.Event() for destination in destinations}
        self._silent_since: dict[str, datetime] = {}

    def notice(self) -> None:
        """There may be something new to deliver."""
        for wake in self._wakes.values():
            wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for destination in self._destinations:
                group.create_task(self._lane(destination), name=f"outbox {destination.name}")

    async def _lane(self, destination: Destination) -> None:
        wake = self._wakes[destination.name]
        under_way: set[asyncio.Task[None]] = set()

        def done(task: asyncio.Task[None]) -> None:
            under_way.discard(task)
            wake.set()  # the next row of that incident may go, or a place is free

        async with asyncio.TaskGroup() as group:
            while True:
                wake.clear()
                try:
                    rows = await self._claim(destination, AT_ONCE - len(under_way))
                except _DATABASE_AWAY as error:
                    log.warning("the outbox cannot be read: %s", in_a_line(error))
                    rows = []
                for row in rows:
                    task = group.create_task(self._deliver(row, destination), name=f"outbox {row['id']}")
                    under_way.add(task)
                    task.add_done_callback(done)
                # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the wake.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await wake.wait()

    async def deliver_due(self) -> int:
        """Claim what is due, deliver it once, wait for it all; return how many rows were tried."""
        tried = 0
        async with asyncio.TaskGroup() as group:
            for destination in self._destinations:
                for row in await self._claim(destination, AT_ONCE):
                    group.create_task(self._deliver(row, destination))
                    tried += 1
        return tried

    async def _claim(self, destination: Destination, limit: int) -> list[dict[str, Any]]:
        if limit <= 0:
            return []
        now = self._clock()
        return await self._all(
            "claim_outbox", destination=destination.name, now=now, lease_until=now + LEASE, limit=limit
        )

    async def _deliver(self, row: dict[str, Any], destination: Destination) -> None:
        try:
            error = await self._send(row, destination)
            if error is None:
                await self._confirmed(row)
            else:
                await self._failed(row, error)
        except Undeliverable as error:
            await self._bury(row, str(error))
        except _DATABASE_AWAY as error:
            # Sent or not, the row stays claimed: when its lease ends it is sent again, with the same identifier.
            log.warning("%s: the database is away: %s", row["identifier"], in_a_line(error))

    async def _send(self, row: dict[str, Any], destination: Destination) -> str | None:
        """Send one row; return what went wrong, None when the destination has confirmed it."""
        content, content_type = await self._message(row, destination)
        headers = webhook.headers(
            row["identifier"], self._clock(), content, destination.secret.get_secret_value(), content_type
        )
        try:
            # httpx limits each step; a destination that drips bytes could still hold the row beyond its lease.
            async with asyncio.timeout(destination.timeout_s):
                request = self._client.stream("POST", destination.url, content=content, headers=headers)
                async with request as answer:
                    return None if answer.is_success else f"answered {answer.status_code}"
        except TimeoutError:
            return f"did not answer within {destination.timeout_s:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"

    async def _message(self, row: dict[str, Any], destination: Destination) -> tuple[bytes, str]:
        try:
            if destination.kind == "webhook":
                return webhook.body(row), "application/cloudevents+json"
            earlier = await self._all(
                "earlier_messages",
                destination=row["destination"],
                incident_id=row["incident_id"],
                id=row["id"],
            )
            sent_before = [(r["identifier"], r["created_at"]) for r in earlier]
            return cap.build(row, self._sender, sent_before, self._clock()), "application/cap+xml"
        except (ValueError, KeyError, TypeError) as error:
            raise Undeliverable(f"{type(error).__name__}: {error}") from error

    async def _confirmed(self, row: dict[str, Any]) -> None:
        await self._all("confirm_outbox", id=row["id"])
        silent_since = self._silent_since.pop(row["destination"], None)
        now = self._clock()
        if silent_since and now - silent_since >= SILENCE:
            await self._all("hurry_outbox", destination=row["destination"], now=now)

    async def _failed(self, row: dict[str, Any], error: str) -> None:
        now = self._clock()
        self._silent_since.setdefault(row["destination"], now)
        wait = retry.delay(row["attempts"])
        log.warning("%s: %s (attempt %d)", row["identifier"], error, row["attempts"])
        if wait is None:
            return await self._bury(row, error)
        await self._all(
            "retry_outbox", id=row["id"], attempts=row["attempts"], error=error, next_at=now + wait
        )

    async def _bury(self, row: dict[str, Any], error: str) -> None:
        log.error("%s is given up: %s; `socors outbox replay` sends it again", row["identifier"], error)
        await self._all("bury_outbox", id=row["id"], error=error)

    async def _all(self, name: str, **values: Any) -> list[dict[str, Any]]:
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(QUERIES[name], values)
            return await cursor.fetchall() if cursor.description else []


async def waiting(store: Any, now: datetime) -> list[dict[str, Any]]:
    """Return how many messages should have left, or were given up, by destination and state."""
    async with store.transaction() as tx:
        cursor = await tx.connection.execute(QUERIES["outbox_state"], {"now": now})
        return await cursor.fetchall()


async def dead_letters(store: Any) -> list[dict[str, Any]]:
    """Return what was given up, oldest first."""
    async with store.transaction() as tx:
        cursor = await tx.connection.execute(QUERIES["dead_outbox"])
        return await cursor.fetchall()


async def replay(store: Any, row_id: int, now: datetime) -> bool:
    """Put a dead row back to waiting; return whether there was one."""
    async with store.transaction() as tx:
        cursor = await tx.connection.execute(QUERIES["replay_outbox"], {"id": row_id, "now": now})
        found = await cursor.fetchone() is not None
        if found:
            await tx.run("notify", channel="outbox", payload="")
        return found
