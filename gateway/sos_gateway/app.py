"""The gateway, put together: store, lanes, answers, timers, dispatch and console under one task group."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

from .config import Settings
from .dispatch.outbox import Dispatcher
from .dispatch.plan import planner
from .domain.jurisdiction import distance_m, metropolitan
from .down import Answer, Answers
from .errors import in_a_line
from .incidents import Incidents
from .ingest import envelope
from .ingest.accept import Acceptor
from .ingest.aliases import Resolver
from .ingest.fleet import Fleet
from .ingest.lanes import Ingest
from .ingest.mqtt import Broker
from .ingest.unresolved import Unresolved
from .keys.wrapping import Wrapper, read_key_file
from .store.migrate import migrate
from .store.postgres import PostgresStore
from .store.retention import Retention

TIMER_POLL_S = 0.5

log = logging.getLogger("socors")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Gateway:
    """All parts of one gateway process. A second one beside it is only a second process."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        from sos_wire import topics

        self.settings = settings
        self.clock = clock
        self.wrapper = Wrapper(read_key_file(settings.secret_key_file))
        self.store = PostgresStore(settings.database_url)
        self.resolver = Resolver(self.wrapper.unwrap)
        self.fleet = Fleet(
            settings=settings, store=self.store, wrapper=self.wrapper, resolver=self.resolver, clock=clock
        )
        self.broker = Broker(settings, f"{os.getpid()}-{secrets.token_hex(3)}")
        rows_for = planner(settings.destinations)

        async def send(answer: Answer) -> None:
            if answer.hub is None:
                await self.broker.publish(topics.device(answer.device, "down"), answer.frame)
            else:
                await self.broker.publish(topics.hub(answer.hub, "down"), envelope.down(answer, clock()))

        self.answers = Answers(store=self.store, resolver=self.resolver, clock=clock, send=send)
        self.incidents = Incidents(store=self.store, clock=clock, rows_for=rows_for)
        acceptor = Acceptor(
            store=self.store,
            resolver=self.resolver,
            clock=clock,
            town_of=metropolitan().town_of,
            rows_for=rows_for,
            distance_m=distance_m,
        )
        self.unresolved = Unresolved(
            store=self.store,
            resolver=self.resolver,
            acceptor=acceptor,
            clock=clock,
            searched_elsewhere=lambda: self.fleet.is_large,
        )
        self.retention = Retention(
            store=self.store,
            clock=clock,
            telemetry_days=settings.keep_telemetry_days,
            hub_frame_days=settings.keep_hub_frame_days,
            track_days=settings.keep_track_days,
        )
        self.fleet.news = self.unresolved.wake.set
        self.ingest = Ingest(
            store=self.store,
            acceptor=acceptor,
            answers=self.answers,
            clock=clock,
            publish=self.broker.publish,
        )
        self.dispatcher = Dispatcher(
            store=self.store, destinations=settings.destinations, clock=clock, sender=settings.sender
        )

    async def start(self) -> None:
        """Migrate, open the pool, learn towns and devices."""
        ran = await asyncio.to_thread(migrate, self.settings.database_url)
        if ran:
            log.info("database brought up to date: %s", ", ".join(ran))
        await self.store.open()
        await put_towns(self.store)
        await self.fleet.start()

    async def run(self, serve: Any = None) -> None:
        """Run every part until one fails or the console's server is told to stop."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._hear(), name="broker"),
                group.create_task(steadily(self.fleet.supervise, "alias builder"), name="alias builder"),
                group.create_task(steadily(self.fleet.watch, "alias tables"), name="alias tables"),
                group.create_task(steadily(self.unresolved.run, "unresolved"), name="unresolved"),
                group.create_task(steadily(self.answers.run, "answers"), name="answers"),
                group.create_task(self.dispatcher.run(), name="dispatch"),
                group.create_task(steadily(self.retention.run, "retention"), name="retention"),
                group.create_task(steadily(self._timers, "timers"), name="timers"),
                group.create_task(steadily(self._notices, "notices"), name="notices"),
            ]
            if serve is not None:
                await serve.serve()
                for task in tasks:
                    task.cancel()

    async def _hear(self) -> None:
        await self.fleet.ready()
        await self.broker.run(self.ingest)

    async def _timers(self) -> None:
        while True:
            if not await self.incidents.open_due():
                await asyncio.sleep(TIMER_POLL_S)

    async def _notices(self) -> None:
        """Hear what other processes have committed: answers to carry, rows to deliver, devices to know."""
        async with self.store.listen("down", "outbox", "device") as connection:
            await self.fleet.catch_up()  # what was said while nobody listened
            async for notice in connection.notifies():
                if notice.channel == "down":
                    self.answers.wake.set()
                elif notice.channel == "outbox":
                    self.dispatcher.notice()
                else:
                    await self.fleet.changed(int(notice.payload))

    async def close(self) -> None:
        await self.store.close()


async def steadily(loop: Callable[[], Any], name: str, pause_s: float = 0.5) -> None:
    """Run a loop again whenever the database was away; anything else ends the process."""
    while True:
        try:
            await loop()
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
            log.warning("%s: the database is away, trying again: %s", name, in_a_line(error))
        await asyncio.sleep(pause_s)


async def put_towns(store: PostgresStore) -> None:
    async with store.transaction() as tx:
        for ine, name in metropolitan().names.items():
            await tx.run("put_town", ine=ine, name=name)
