"""A clock that is turned by hand, an endpoint that answers as it is told, and incidents to speak of."""

import asyncio
import base64
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
from sos_gateway.config import Destination
from sos_gateway.dispatch.outbox import Dispatcher
from sos_gateway.dispatch.plan import planner
from sos_gateway.domain.models import Incident, Wearer
from sos_gateway.store.postgres import PostgresStore

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def pass_time(self, **lapse):
        self.now += timedelta(**lapse)


class Endpoint:
    """The far side: answers with `status`, keeps every request; behaves otherwise when `behave` is replaced."""

    def __init__(self):
        self.status = 200
        self.requests = []
        self.accepted = []
        self._heard = asyncio.Event()

    async def behave(self, request):
        return self.status

    async def __call__(self, request):
        self.requests.append(request)
        status = await self.behave(request)
        if 200 <= status < 300:
            self.accepted.append(request.headers["webhook-id"])
            self._heard.set()
        return httpx.Response(status)

    async def has_accepted(self, count, within_s=20):
        async with asyncio.timeout(within_s):
            while len(self.accepted) < count:
                self._heard.clear()
                await self._heard.wait()

    def client(self):
        return httpx.AsyncClient(transport=httpx.MockTransport(self))


def destination(name="police", kind="webhook", url="https://police.example/alarms", **more):
    return Destination(name=name, kind=kind, url=url, secret=SECRET, **more)


def incident(number=1, **changes):
    first = Incident(
        id=number,
        wearer_id=1,
        device=1001,
        kind="sos",
        state="open",
        town="08073",
        occurred_at=START,
        received_at=START,
        updated_at=START,
    )
    return replace(first, **changes)


WEARER = Wearer(id=1, name="Maria Soler", home_town="08073")


def rows(destinations, number, *changes, at=START - timedelta(seconds=1), **fields):
    """The outbox rows of a story: each change a millisecond after the one before."""
    rows_for = planner(destinations)
    return [
        row
        for n, what in enumerate(changes)
        for row in rows_for(
            incident(number, press_count=n + 1, **fields), WEARER, what, at + timedelta(milliseconds=n)
        )
    ]


@contextlib.asynccontextmanager
async def opened(database_url):
    store = PostgresStore(database_url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def add(store, new):
    async with store.transaction() as tx:
        await tx.add_outbox(new)


async def states(store):
    async with store.transaction() as tx:
        cursor = await tx.connection.execute("SELECT identifier, state FROM outbox ORDER BY id")
        return {row["identifier"]: row["state"] for row in await cursor.fetchall()}


def dispatcher(store, destinations, clock, endpoint):
    return Dispatcher(
        store=store,
        destinations=destinations,
        clock=clock,
        sender="socors@police.example",
        client=endpoint.client(),
    )
