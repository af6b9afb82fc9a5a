"""The store on PostgreSQL: one transaction object whose methods are the named queries."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from ..domain.models import Down, Event, Hub, Incident, Number, OutboxRow, Sighting, Timer, Transition, Wearer
from . import named_queries
from .chained import chain, model

QUERIES = named_queries.load("core")


class Tx:
    """One transaction. Methods do one thing each; what they mean is in the named query."""

    def __init__(self, connection: AsyncConnection[dict[str, Any]]) -> None:
        self.connection = connection

    async def run(self, name: str, /, **values: Any) -> None:
        await self.connection.execute(QUERIES[name], values)

    async def one(self, name: str, /, **values: Any) -> dict[str, Any] | None:
        cursor = await self.connection.execute(QUERIES[name], values)
        return await cursor.fetchone()

    async def all(self, name: str, /, **values: Any) -> list[dict[str, Any]]:
        cursor = await self.connection.execute(QUERIES[name], values)
        return await cursor.fetchall()

    # Events.

    async def claim_event(self, number: Number) -> bool:
        """Return whether this number is new; a second transaction with the same number waits, then hears no."""
        return await self.one("claim_event", **number._asdict()) is not None

    async def insert_event(self, event: Event) -> None:
        await self.run("insert_event", **{f.name: getattr(event, f.name) for f in fields(event)})

    async def tell_more(self, event: Event) -> None:
        """Write down what a full form says of an event that is stored."""
        names = ("lat_e7", "lon_e7", "radius_m", "fix_age_s", "fix_at", "cell")
        names += ("battery_mv", "press_count", "faults")
        await self.run("tell_more", **event.number._asdict(), **{n: getattr(event, n) for n in names})

    async def event(self, number: Number) -> Event | None:
        row = await self.one("event", **number._asdict())
        return model(Event, row) if row else None

    async def events_of(self, incident_id: int) -> list[Event]:
        return [model(Event, row) for row in await self.all("events_of", incident_id=incident_id)]

    async def is_named_by(self, number: Number, kind: int) -> bool:
        """Return whether an event of this kind that refers to it is stored."""
        return await self.one("named_by", **number._asdict(), kind=kind) is not None

    async def add_evidence(self, number: Number, piece: int, samples: bytes, now: datetime) -> bool:
        """Keep a piece of what a fall felt like; return whether it is the first copy."""
        row = await self.one("add_evidence", **number._asdict(), piece=piece, samples=samples, now=now)
        return row is not None

    async def mark_cancelled(self, number: Number) -> None:
        await self.run("mark_cancelled", **number._asdict())

    # Wearers and incidents.

    async def lock_wearer(self, device: int) -> Wearer:
        """Return the wearer of a device, locked: alarms of one wearer are taken one at a time."""
        owner = await self.one("device_wearer", device=device)
        assert owner, f"device {device} was resolved but is not in the table"
        row = await self.one("lock_wearer", wearer_id=owner["wearer_id"])
        return model(Wearer, row)  # type: ignore[arg-type]

    async def current_incident(self, wearer_id: int) -> Incident | None:
        row = await self.one("current_incident", wearer_id=wearer_id)
        return model(Incident, row) if row else None

    async def closed_incidents(self, wearer_id: int, since: datetime) -> list[Incident]:
        rows = await self.all("closed_incidents", wearer_id=wearer_id, since=since)
        return [model(Incident, row) for row in rows]

    async def incident(self, incident_id: int, lock: bool = False) -> Incident | None:
        row = await self.one("incident_for_update" if lock else "incident", incident_id=incident_id)
        return model(Incident, row) if row else None

    async def insert_incident(self, incident: Incident) -> Incident:
        row = await self.one("insert_incident", **_columns(incident))
        assert row
        return replace(incident, id=row["id"])

    async def update_incident(self, incident: Incident) -> None:
        await self.run("update_incident", **_columns(incident))

    async def add_transition(self, row: Transition) -> None:
        last = await self.one("last_hash", incident_id=row.incident_id)
        await self.run("insert_transition", **asdict(row), hash=chain(last["hash"] if last else None, row))
        await self.run("notify", channel="incident", payload=str(row.incident_id))

    async def notice_position(self, incident_id: int) -> None:
        """Tell consoles that an incident's position is another: no step of its history, there may be hundreds."""
        await self.run("notify", channel="incident", payload=f"{incident_id} position")

    async def notice_evidence(self, incident_id: int) -> None:
        """Tell consoles that more is known of what a fall felt like: no step of the incident's history either."""
        await self.run("notify", channel="incident", payload=f"{incident_id} evidence")

    # Timers, outbox, answers.

    async def add_timer(self, timer: Timer) -> None:
        await self.run(
            "insert_timer",
            due=timer.due,
            kind=timer.kind,
            incident_id=timer.incident_id,
            **timer.number._asdict(),
        )

    async def due_timers(self, now: datetime, limit: int) -> list[Timer]:
        """Take the timers that are due out of the table; they come back if the transaction fails."""
        return [
            Timer(r["due"], r["kind"], r["incident_id"], Number(r["device"], r["boot"], r["seq"]), r["id"])
            for r in await self.all("due_timers", now=now, limit=limit)
        ]

    async def add_outbox(self, rows: Iterable[OutboxRow]) -> None:
        added = False
        for row in rows:
            await self.run("insert_outbox", **{**asdict(row), "payload": Jsonb(row.payload)})
            added = True
        if added:
            await self.run("notify", channel="outbox", payload="")

    async def release_outbox(self, incident_id: int, now: datetime) -> None:
        await self.run("release_outbox", incident_id=incident_id, now=now)
        await self.run("notify", channel="outbox", payload="")

    async def withdraw_outbox(self, incident_id: int) -> None:
        await self.run("withdraw_outbox", incident_id=incident_id)

    async def put_down(self, number: Number, state: int, now: datetime, lasts: timedelta) -> None:
        """Answer an event with a state, until the device says `felt`; states only rise."""
        row = await self.one(
            "put_down",
            device=number.device,
            ref_boot=number.boot,
            ref_seq=number.seq,
            state=state,
            arg=0,
            now=now,
            until_at=now + lasts,
        )
        if row:
            await self.run("notify", channel="down", payload="")

    async def downs_fall_due(self, device: int, now: datetime, rested: datetime) -> None:
        """The device was heard: answers that rest (their next turn lies after `rested`) are tried at once."""
        if await self.one("downs_fall_due", device=device, now=now, rested=rested):
            await self.run("notify", channel="down", payload="")

    async def down_of(self, number: Number) -> Down | None:
        row = await self.one("down_of", device=number.device, ref_boot=number.boot, ref_seq=number.seq)
        return model(Down, row) if row else None

    async def felt(self, number: Number, state: int, now: datetime) -> bool:
        row = await self.one(
            "felt", device=number.device, ref_boot=number.boot, ref_seq=number.seq, state=state, now=now
        )
        return row is not None

    async def claim_downs(self, now: datetime, next_at: datetime, limit: int) -> list[Down]:
        return [
            model(Down, row) for row in await self.all("claim_down", now=now, next_at=next_at, limit=limit)
        ]

    async def set_down_turn(self, row: Down) -> None:
        """Write down when an answer's next turn is, and how far it has been carried by each way."""
        names = ("id", "next_at", "lte_at", "lte_tries", "sms_state", "sms_at")
        await self.run("set_down_turn", tried=list(row.tried), **{n: getattr(row, n) for n in names})

    async def set_down_due(self, row_id: int, next_at: datetime) -> None:
        await self.run("set_down_due", id=row_id, next_at=next_at)

    async def down_reported(self, row_id: int, hub: str, since: datetime, next_at: datetime) -> None:
        """A hub that has heard the device since then says what became of an answer: its next turn moves."""
        await self.run("down_reported", id=row_id, hub=hub, since=since, next_at=next_at)

    async def text_failed(self, row_id: int, hub: str, since: datetime) -> None:
        """A hub that has had texts of the device since then could not send it an answer."""
        await self.run("text_failed", id=row_id, hub=hub, since=since)

    async def next_down(self, now: datetime) -> datetime | None:
        row = await self.one("next_down", now=now)
        return row["next_at"] if row else None

    async def next_timer(self) -> datetime | None:
        row = await self.one("next_timer")
        return row["due"] if row else None

    # Where things were heard, and what became of frames.

    async def add_sighting(self, sighting: Sighting) -> None:
        await self.run(
            "insert_sighting",
            **sighting.number._asdict(),
            hub=sighting.hub,
            rssi=sighting.rssi,
            heard_at=sighting.heard_at,
            via=sighting.via,
        )

    async def recent_sightings(self, device: int, since: datetime) -> list[Sighting]:
        """Return where a device was heard on the air, the newest first."""
        return [_sighting(row) for row in await self.all("recent_sightings", device=device, since=since)]

    async def last_heard(self, device: int, since: datetime) -> list[Sighting]:
        """Return the newest sighting of a device since then by each way and hub."""
        return [_sighting(row) for row in await self.all("last_heard", device=device, since=since)]

    async def record_frame(self, hub: str, spool: str, n: int, outcome: str, at: datetime) -> None:
        await self.run("record_frame", hub=hub, spool=spool, n=n, outcome=outcome, at=at)

    async def frames_done(self, hub: str, spool: str, numbers: list[int]) -> list[int]:
        rows = await self.all("frames_done", hub=hub, spool=spool, numbers=numbers)
        return sorted(row["n"] for row in rows)

    async def keep_unresolved(
        self,
        frame: bytes,
        hub: str,
        heard_at: datetime,
        received_at: datetime,
        via: str,
        publisher: int | None,
    ) -> None:
        await self.run(
            "keep_unresolved",
            frame=frame,
            hub=hub,
            heard_at=heard_at,
            received_at=received_at,
            via=via,
            publisher=publisher,
        )

    async def unresolved(self, before: int, limit: int) -> list[dict[str, Any]]:
        """Return frames kept unresolved, newest first, with numbers below `before`."""
        return await self.all("unresolved", before=before, limit=limit)

    async def resolved(self, row_id: int) -> None:
        await self.run("resolved", id=row_id)

    async def unresolved_searched(self, ids: list[int], tried: int) -> None:
        await self.run("unresolved_searched", ids=ids, tried=tried)

    async def trim_unresolved(self, oldest: datetime, most: int) -> int:
        """Remove unresolved frames that are too old or too many, the oldest first; return how many went."""
        row = await self.one("trim_unresolved", oldest=oldest, most=most)
        return row["n"] if row else 0

    async def touch_device(
        self,
        number: Number,
        now: datetime,
        mode: int,
        alias_index: int,
        battery: int | None,
        clock_set_at: datetime | None,
    ) -> tuple[datetime | None, int]:
        """Note that a device was heard; return when its clock was last set, and its recovery counter."""
        row = await self.one(
            "touch_device",
            **number._asdict(),
            now=now,
            mode=mode,
            alias_index=alias_index,
            battery=battery,
            clock_set_at=clock_set_at,
        )
        assert row, f"device {number.device} was resolved but is not in the table"
        if row["others_must_know"]:
            await self.run("notify", channel="device", payload=str(number.device))
        return row["clock_set_at"], row["recovery_index"]

    async def say_faults(self, number: Number, faults: list[str], known: list[str], now: datetime) -> None:
        """Of the faults that are `known` a device has these now, says its event; unless a newer one has spoken."""
        if not await self.one("faults_said", **number._asdict()):
            return
        await self.run("remove_faults", device=number.device, faults=faults, known=known)
        for fault in faults:
            await self.note_fault(number.device, fault, now)

    async def note_fault(self, device: int, fault: str, now: datetime) -> None:
        """A device, if there is such a one, has a fault."""
        await self.run("put_fault", device=device, fault=fault, now=now)

    async def touch_hub(self, hub: str, now: datetime, status: dict[str, Any]) -> None:
        await self.run("touch_hub", hub=hub, now=now, status=Jsonb(status))

    async def hubs(self) -> dict[str, Hub]:
        return {row["id"]: model(Hub, row) for row in await self.all("hubs")}

    async def count(self, name: str, by: int = 1) -> None:
        await self.run("count", name=name, by=by)


def _columns(incident: Incident) -> dict[str, Any]:
    values = {f.name: getattr(incident, f.name) for f in fields(incident)}
    values["also_towns"] = list(incident.also_towns)
    return values


def _sighting(row: dict[str, Any]) -> Sighting:
    number = Number(row["device"], row["boot"], row["seq"])
    return Sighting(number, row["hub"], row["rssi"], row["heard_at"], row["via"])


class PostgresStore:
    """A pool of connections; every use of the database is a transaction."""

    def __init__(self, url: str, size: int = 6) -> None:
        self.url = url
        self.pool = AsyncConnectionPool(
            url, min_size=2, max_size=size, open=False, kwargs={"row_factory": dict_row, "autocommit": True}
        )

    async def open(self) -> None:
        await self.pool.open(wait=True, timeout=30)

    async def close(self) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, undone when it raises."""
        async with self.pool.connection() as connection, connection.transaction():
            yield Tx(connection)

    @asynccontextmanager
    async def listen(self, *channels: LiteralString) -> AsyncIterator[AsyncConnection[dict[str, Any]]]:
        """A connection of its own that hears NOTIFY on the channels."""
        connection = await AsyncConnection[dict[str, Any]].connect(
            self.url,
            autocommit=True,
            row_factory=dict_row,  # type: ignore[arg-type]
        )
        try:
            for channel in channels:
                await connection.execute("LISTEN " + channel)  # channel names are ours, never input
            yield connection
        finally:
            await connection.close()
