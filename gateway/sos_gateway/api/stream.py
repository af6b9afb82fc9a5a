"""The event stream: one listener for the whole process, every console fed from it, nothing missed on reconnection."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import psycopg

from ..accounts.service import Operator
from . import views

QUEUE_MOST = 500  # changes a console may be behind; then it is cut off and reads the list anew
BACKLOG_MOST = 200
# A connection that listens says nothing by itself: one that died without a word would leave the desk without alarms.
LOOK_S = 1.0
# Numbers are drawn before they are committed: so far back one may still turn up.
LOOK_BACK = 300

log = logging.getLogger("socors.stream")


class Stream:
    """Reads each changed incident once and gives it to every console that may see it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._consoles: dict[asyncio.Queue[dict[str, Any] | None], Operator] = {}
        self._listening = asyncio.Event()
        self._given: set[int] = set()  # transitions the consoles have, as far as a look goes back

    async def run(self) -> None:
        """Listen, and look whether all was heard, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="stream listener")
            group.create_task(self._look(), name="stream look")

    async def _look(self) -> None:
        newest = None
        while True:
            try:
                newest = await self._give_unheard(newest)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("the database is away: %s", str(error).splitlines()[0])
            await asyncio.sleep(LOOK_S)

    async def _give_unheard(self, newest: int | None) -> int:
        """Give the consoles every change no notice came for; return the number of the newest change."""
        async with self._store.transaction() as tx:
            after = (await tx.one("newest_transition"))["id"] if newest is None else newest
            rows = await tx.all("transitions_since", after=after - LOOK_BACK, limit=LOOK_BACK + BACKLOG_MOST)
        changed = {row["incident_id"]: row["id"] for row in rows}
        unheard = [incident for incident, last in changed.items() if last not in self._given]
        self._given = {row["id"] for row in rows}
        if newest is not None and self._consoles:
            for incident_id in unheard:
                await self._give(incident_id)
        return max([after, *self._given])

    async def _listen(self) -> None:
        while True:
            try:
                async with self._store.listen("incident") as connection:
                    self._listening.set()
                    async for notice in connection.notifies():
                        if self._consoles:
                            incident_id, _, what = notice.payload.partition(" ")
                            await self._give(int(incident_id), what)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("the database is away: %s", str(error).splitlines()[0])
            self._listening.clear()
            self._cut_all()  # what was missed is read anew by each console on reconnection
            await asyncio.sleep(0.5)

    def _cut_all(self) -> None:
        for queue in list(self._consoles):
            self._cut(queue)

    def _cut(self, queue: "asyncio.Queue[dict[str, Any] | None]") -> None:
        self._consoles.pop(queue, None)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def _give(self, incident_id: int, what: str = "") -> None:
        """Give the consoles an incident as it is now; `what` where it is no step of its history."""
        async with self._store.transaction() as tx:
            enabled = {row["id"] for row in await tx.all("enabled_accounts")}
            row = await tx.one("incident_view", incident_id=incident_id)
            last = await tx.one("last_transition", incident_id=incident_id)
        if row is None or last is None:
            return
        if not what:
            self._given.add(last["id"])
        message = {"id": last["id"], "row": row, "what": what or last["what"]}
        for queue, operator in list(self._consoles.items()):
            if operator.id not in enabled:
                self._cut(queue)  # an open stream must not outlive the right to open it
                continue
            if not views.may_see(operator, row):
                continue
            if queue.qsize() >= QUEUE_MOST:
                self._cut(queue)
            else:
                queue.put_nowait(message)

    async def events(self, operator: Operator, after: int | None) -> AsyncIterator[dict[str, Any]]:
        """Yield server-sent events for one console; `after` is the last transition it has seen."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        # A console that read its list before we listen would miss what happens in between.
        await self._listening.wait()
        self._consoles[queue] = operator
        try:
            yield {"event": "hello", "data": "{}"}
            if after is not None:
                for message in await self._missed(operator, after):
                    yield self._event(message)
            while (message := await queue.get()) is not None:
                yield self._event(message)
        finally:
            self._consoles.pop(queue, None)

    async def _missed(self, operator: Operator, after: int) -> list[dict[str, Any]]:
        found = []
        async with self._store.transaction() as tx:
            while rows := await tx.all("transitions_since", after=after, limit=BACKLOG_MOST):
                after = rows[-1]["id"]
                for last in rows:
                    row = await tx.one("incident_view", incident_id=last["incident_id"])
                    if row and views.may_see(operator, row):
                        found.append({"id": last["id"], "row": row, "what": last["what"]})
        return found

    @staticmethod
    def _event(message: dict[str, Any]) -> dict[str, Any]:
        data = {**views.incident(message["row"]), "what": message["what"]}
        return {"event": "incident", "id": str(message["id"]), "data": json.dumps(data, ensure_ascii=False)}
