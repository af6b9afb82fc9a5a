"""The store in memory, for the deterministic level: what postgres.py keeps and refuses, without a database.

Rows are dictionaries with the columns of the tables, so that a test can lay both twins side by side. Transactions
run one at a time; one that raises is undone, only the numbers it drew stay used, as sequences do.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from ..domain.models import (
    BLE,
    SMS,
    Down,
    Event,
    Hub,
    Incident,
    Number,
    OutboxRow,
    Sighting,
    Timer,
    Transition,
    Wearer,
)
from .chained import chain, model

OVER = ("closed", "cancelled")
OUTCOMES = ("committed", "refused", "unresolved", "coalesced")
TABLES = (
    "town",
    "wearer",
    "device",
    "device_fault",
    "hub",
    "hub_frame",
    "event_key",
    "event",
    "evidence",
    "incident",
    "transition",
    "timer",
    "outbox",
    "down",
    "sighting",
    "unresolved",
    "counter",
)
Row = dict[str, Any]


class ConstraintError(Exception):
    """A row the schema forbids."""


class Tables:
    """All rows by table and key, and the way back to where a transaction began."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Any, Row]] = {name: {} for name in TABLES}
        self._drawn: Counter[str] = Counter()
        self._undo: list[Callable[[], None]] = []

    def draw(self, table: str) -> int:
        self._drawn[table] += 1
        return self._drawn[table]

    def put(self, table: str, key: Any, row: Row) -> None:
        """Insert or replace a row; readers keep the row they have."""
        rows = self.rows[table]
        if key in rows:
            before = rows[key]
            self._undo.append(lambda: rows.__setitem__(key, before))
        else:
            self._undo.append(lambda: rows.__delitem__(key))
        rows[key] = row

    def change(self, table: str, key: Any, **values: Any) -> None:
        self.put(table, key, {**self.rows[table][key], **values})

    def remove(self, table: str, key: Any) -> None:
        rows, before = self.rows[table], dict(self.rows[table])

        def undo() -> None:
            rows.clear()
            rows.update(before)  # in its old place among the others

        self._undo.append(undo)
        del rows[key]

    def begin(self) -> None:
        self._undo = []

    def undo(self) -> None:
        for step in reversed(self._undo):
            step()
        self._undo = []


class Tx:
    """One transaction. Each method does what the named query of the same name in queries/core.sql does."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = tables.rows
        self.notices: dict[tuple[str, str], None] = {}  # told once each, after the commit

    def _notify(self, channel: str, payload: str = "") -> None:
        self.notices[(channel, payload)] = None

    # Events.

    async def claim_event(self, number: Number) -> bool:
        if number in self._rows["event_key"]:
            return False
        self._tables.put("event_key", number, number._asdict())
        return True

    async def insert_event(self, event: Event) -> None:
        row_id = self._tables.draw("event")
        self._tables.put("event", row_id, {"id": row_id, **asdict(event)})

    async def tell_more(self, event: Event) -> None:
        names = ("lat_e7", "lon_e7", "radius_m", "fix_age_s", "fix_at", "cell")
        names += ("battery_mv", "press_count", "faults")
        for row in self._events(event.number):
            self._tables.change("event", row["id"], **{n: getattr(event, n) for n in names})

    def _events(self, number: Number) -> list[Row]:
        return [r for r in self._rows["event"].values() if (r["device"], r["boot"], r["seq"]) == number]

    async def event(self, number: Number) -> Event | None:
        found = self._events(number)
        return model(Event, found[0]) if found else None

    async def events_of(self, incident_id: int) -> list[Event]:
        return [model(Event, r) for r in self._rows["event"].values() if r["incident_id"] == incident_id]

    async def is_named_by(self, number: Number, kind: int) -> bool:
        return any(
            (r["device"], r["ref_boot"], r["ref_seq"]) == number and r["kind"] == kind
            for r in self._rows["event"].values()
        )

    async def add_evidence(self, number: Number, piece: int, samples: bytes, now: datetime) -> bool:
        if (number, piece) in self._rows["evidence"]:
            return False
        row = {**number._asdict(), "piece": piece, "samples": samples, "received_at": now}
        self._tables.put("evidence", (number, piece), row)
        return True

    async def mark_cancelled(self, number: Number) -> None:
        for row in self._events(number):
            self._tables.change("event", row["id"], cancelled=True)

    # Wearers and incidents.

    async def lock_wearer(self, device: int) -> Wearer:
        owner = self._rows["device"].get(device)
        assert owner, f"device {device} was resolved but is not in the table"
        wearer = self._rows["wearer"][owner["wearer_id"]]
        town = self._rows["town"][wearer["home_town"]]
        return model(Wearer, {**wearer, "town_opens_on": town["opens_on"]})

    def _incidents(self, wearer_id: int) -> list[Row]:
        return [r for r in self._rows["incident"].values() if r["wearer_id"] == wearer_id]

    async def current_incident(self, wearer_id: int) -> Incident | None:
        found = [r for r in self._incidents(wearer_id) if r["state"] not in OVER]
        return model(Incident, found[0]) if found else None

    async def closed_incidents(self, wearer_id: int, since: datetime) -> list[Incident]:
        found = [r for r in self._incidents(wearer_id) if r["state"] == "closed" and r["closed_at"] > since]
        return [model(Incident, r) for r in sorted(found, key=lambda r: r["closed_at"], reverse=True)]

    async def incident(self, incident_id: int, lock: bool = False) -> Incident | None:
        row = self._rows["incident"].get(incident_id)
        return model(Incident, row) if row else None

    async def insert_incident(self, incident: Incident) -> Incident:
        incident = replace(incident, id=self._tables.draw("incident"))
        self._put_incident(incident)
        return incident

    async def update_incident(self, incident: Incident) -> None:
        before = self._rows["incident"].get(incident.id)
        if before is not None:
            # These say how it began and are never updated.
            began = {n: before[n] for n in ("wearer_id", "device", "received_at")}
            self._put_incident(replace(incident, **began))

    def _put_incident(self, incident: Incident) -> None:
        if incident.state not in OVER and any(
            r["state"] not in OVER and r["id"] != incident.id for r in self._incidents(incident.wearer_id)
        ):
            raise ConstraintError("one_open_incident")
        self._tables.put(
            "incident", incident.id, {**asdict(incident), "also_towns": list(incident.also_towns)}
        )

    async def add_transition(self, row: Transition) -> None:
        last = [r for r in self._rows["transition"].values() if r["incident_id"] == row.incident_id]
        row_id = self._tables.draw("transition")
        hashed = chain(last[-1]["hash"] if last else None, row)
        self._tables.put("transition", row_id, {"id": row_id, **asdict(row), "hash": hashed})
        self._notify("incident", str(row.incident_id))

    async def notice_position(self, incident_id: int) -> None:
        self._notify("incident", f"{incident_id} position")

    async def notice_evidence(self, incident_id: int) -> None:
        self._notify("incident", f"{incident_id} evidence")

    # Timers, outbox, answers.

    async def add_timer(self, timer: Timer) -> None:
        row_id = self._tables.draw("timer")
        values = {"due": timer.due, "kind": timer.kind, "incident_id": timer.incident_id}
        self._tables.put("timer", row_id, {"id": row_id, **values, **timer.number._asdict()})

    async def due_timers(self, now: datetime, limit: int) -> list[Timer]:
        due = sorted((r for r in self._rows["timer"].values() if r["due"] <= now), key=lambda r: r["due"])
        for row in due[:limit]:
            self._tables.remove("timer", row["id"])
        return [
            Timer(r["due"], r["kind"], r["incident_id"], Number(r["device"], r["boot"], r["seq"]), r["id"])
            for r in due[:limit]
        ]

    async def add_outbox(self, rows: Iterable[OutboxRow]) -> None:
        added = False
        for row in rows:
            self._add_outbox(row)
            added = True
        if added:
            self._notify("outbox")

    def _add_outbox(self, row: OutboxRow) -> None:
        there = list(self._rows["outbox"].values())
        told = any(
            r["incident_id"] == row.incident_id
            and r["destination"] == row.destination
            and r["state"] not in ("withdrawn", "dead")
            for r in there
        )
        if row.kind == "cancel" and not told:
            return  # who was told nothing of the incident is not told that it is cancelled either
        row_id = self._tables.draw("outbox")
        if any(r["identifier"] == row.identifier for r in there):
            return
        began = {
            "state": "waiting",
            "attempts": 0,
            "next_at": row.not_before,
            "lease_until": None,
            "last_error": None,
        }
        self._tables.put("outbox", row_id, {"id": row_id, **asdict(row), **began})

    def _waiting_outbox(self, incident_id: int) -> list[Row]:
        rows = self._rows["outbox"].values()
        return [r for r in rows if r["incident_id"] == incident_id and r["state"] == "waiting"]

    async def release_outbox(self, incident_id: int, now: datetime) -> None:
        for row in self._waiting_outbox(incident_id):
            if row["not_before"] > now:
                self._tables.change("outbox", row["id"], not_before=now, next_at=min(row["next_at"], now))
        self._notify("outbox")

    async def withdraw_outbox(self, incident_id: int) -> None:
        for row in self._waiting_outbox(incident_id):
            if row["attempts"] == 0:
                self._tables.change("outbox", row["id"], state="withdrawn")

    async def put_down(self, number: Number, state: int, now: datetime, lasts: timedelta) -> None:
        row_id = self._tables.draw("down")
        before = self._rows["down"].get(number)
        if before is not None and before["state"] >= state:
            return
        values = {
            "state": state,
            "next_at": now,
            "until_at": now + lasts,
            "attempts": 0,
            "tried": [],
            "lte_at": None,
            "lte_tries": 0,
            "felt_at": None,
        }
        if before is not None:
            self._tables.change("down", number, **values)
        else:
            who = {"device": number.device, "ref_boot": number.boot, "ref_seq": number.seq}
            never = {"sms_state": -1, "sms_at": None}
            row = {"id": row_id, **who, "arg": 0, "created_at": now, **never, **values}
            self._tables.put("down", number, row)
        self._notify("down")

    async def downs_fall_due(self, device: int, now: datetime, rested: datetime) -> None:
        for key, row in list(self._rows["down"].items()):
            if row["device"] == device and _is_open(row, now) and row["next_at"] > rested:
                self._tables.change("down", key, next_at=now, attempts=0, tried=[], lte_tries=0)
                self._notify("down")

    async def down_of(self, number: Number) -> Down | None:
        row = self._rows["down"].get(number)
        return model(Down, row) if row else None

    async def felt(self, number: Number, state: int, now: datetime) -> bool:
        row = self._rows["down"].get(number)
        if row is None or row["state"] > state or row["felt_at"] is not None:
            return False
        self._tables.change("down", number, felt_at=now)
        return True

    async def claim_downs(self, now: datetime, next_at: datetime, limit: int) -> list[Down]:
        due = [(k, r) for k, r in self._rows["down"].items() if _is_open(r, now) and r["next_at"] <= now]
        due.sort(key=lambda item: item[1]["next_at"])
        for key, row in due[:limit]:
            self._tables.change("down", key, attempts=row["attempts"] + 1, next_at=next_at)
        return [model(Down, self._rows["down"][key]) for key, _ in due[:limit]]

    def _change_down(self, row_id: int, **values: Any) -> None:
        for key, row in self._rows["down"].items():
            if row["id"] == row_id and row["felt_at"] is None:
                self._tables.change("down", key, **values)
                return

    async def set_down_turn(self, row: Down) -> None:
        names = ("next_at", "lte_at", "lte_tries", "sms_state", "sms_at")
        self._change_down(row.id, tried=list(row.tried), **{n: getattr(row, n) for n in names})

    async def set_down_due(self, row_id: int, next_at: datetime) -> None:
        self._change_down(row_id, next_at=next_at, lte_tries=0)

    async def down_reported(self, row_id: int, hub: str, since: datetime, next_at: datetime) -> None:
        heard = {
            seen["device"]
            for seen in self._rows["sighting"].values()
            if seen["hub"] == hub and seen["heard_at"] > since
        }
        if any(row["id"] == row_id and row["device"] in heard for row in self._rows["down"].values()):
            self._change_down(row_id, next_at=next_at)

    async def text_failed(self, row_id: int, hub: str, since: datetime) -> None:
        wrote = {
            seen["device"]
            for seen in self._rows["sighting"].values()
            if seen["hub"] == hub and seen["via"] == SMS and seen["heard_at"] > since
        }
        if any(row["id"] == row_id and row["device"] in wrote for row in self._rows["down"].values()):
            self._change_down(row_id, sms_state=-1)

    async def next_down(self, now: datetime) -> datetime | None:
        return min((r["next_at"] for r in self._rows["down"].values() if _is_open(r, now)), default=None)

    async def next_timer(self) -> datetime | None:
        return min((r["due"] for r in self._rows["timer"].values()), default=None)

    # Where things were heard, and what became of frames.

    async def add_sighting(self, sighting: Sighting) -> None:
        key = (sighting.number, sighting.hub, sighting.via)
        before = self._rows["sighting"].get(key)
        heard_at = max(before["heard_at"], sighting.heard_at) if before else sighting.heard_at
        how = {"rssi": sighting.rssi, "heard_at": heard_at, "via": sighting.via}
        self._tables.put("sighting", key, {**sighting.number._asdict(), "hub": sighting.hub, **how})

    async def recent_sightings(self, device: int, since: datetime) -> list[Sighting]:
        return [seen for seen in self._sightings(device, since) if seen.via == BLE][:60]

    async def last_heard(self, device: int, since: datetime) -> list[Sighting]:
        newest: dict[tuple[str, str], Sighting] = {}
        for seen in self._sightings(device, since):
            newest.setdefault((seen.via, seen.hub), seen)
        return [newest[key] for key in sorted(newest)]

    def _sightings(self, device: int, since: datetime) -> list[Sighting]:
        rows = self._rows["sighting"].values()
        found = [r for r in rows if r["device"] == device and r["heard_at"] > since]
        found.sort(key=lambda r: r["hub"])
        found.sort(key=lambda r: (r["heard_at"], r["boot"], r["seq"]), reverse=True)
        return [
            Sighting(Number(r["device"], r["boot"], r["seq"]), r["hub"], r["rssi"], r["heard_at"], r["via"])
            for r in found
        ]

    async def record_frame(self, hub: str, spool: str, n: int, outcome: str, at: datetime) -> None:
        if outcome not in OUTCOMES:
            raise ConstraintError("hub_frame_outcome_check")
        if (hub, spool, n) not in self._rows["hub_frame"]:
            row = {"hub": hub, "spool": spool, "n": n, "outcome": outcome, "at": at}
            self._tables.put("hub_frame", (hub, spool, n), row)

    async def frames_done(self, hub: str, spool: str, numbers: list[int]) -> list[int]:
        return sorted(n for n in set(numbers) if (hub, spool, n) in self._rows["hub_frame"])

    async def keep_unresolved(
        self,
        frame: bytes,
        hub: str,
        heard_at: datetime,
        received_at: datetime,
        via: str,
        publisher: int | None,
    ) -> None:
        row_id = self._tables.draw("unresolved")
        if frame not in self._rows["unresolved"]:
            times = {"heard_at": heard_at, "received_at": received_at}
            came = {"via": via, "publisher": publisher}
            row = {"id": row_id, "frame": frame, "hub": hub, **times, "tried_epochs": 0, **came}
            self._tables.put("unresolved", frame, row)

    async def unresolved(self, before: int, limit: int) -> list[Row]:
        columns = ("id", "frame", "hub", "heard_at", "tried_epochs", "via", "publisher")
        found = sorted(
            (r for r in self._rows["unresolved"].values() if r["id"] < before), key=lambda r: -r["id"]
        )
        return [{name: row[name] for name in columns} for row in found[:limit]]

    async def resolved(self, row_id: int) -> None:
        for row in [r for r in self._rows["unresolved"].values() if r["id"] == row_id]:
            self._tables.remove("unresolved", row["frame"])

    async def unresolved_searched(self, ids: list[int], tried: int) -> None:
        for row in [r for r in self._rows["unresolved"].values() if r["id"] in ids]:
            self._tables.change("unresolved", row["frame"], tried_epochs=tried)

    async def trim_unresolved(self, oldest: datetime, most: int) -> int:
        newest = sorted(self._rows["unresolved"].values(), key=lambda r: -r["id"])
        gone = [r for i, r in enumerate(newest) if r["received_at"] < oldest or i >= most]
        for row in gone:
            self._tables.remove("unresolved", row["frame"])
        return len(gone)

    async def touch_device(
        self,
        number: Number,
        now: datetime,
        mode: int,
        alias_index: int,
        battery: int | None,
        clock_set_at: datetime | None,
    ) -> tuple[datetime | None, int]:
        before = self._rows["device"].get(number.device)
        assert before, f"device {number.device} was resolved but is not in the table"
        values = {
            "last_heard_at": max(before["last_heard_at"] or now, now),
            "battery": before["battery"] if battery is None else battery,
        }
        if mode == 1:
            values["recovery_index"] = max(before["recovery_index"], alias_index)
        if (number.boot, number.seq) > (before["last_boot"], before["last_seq"]):
            known = [at for at in (before["clock_set_at"], clock_set_at) if at is not None]
            set_at = None if mode == 1 else max(known, default=None)
            values |= {"alias_mode": mode, "clock_set_at": set_at}
            values |= {"last_boot": number.boot, "last_seq": number.seq}
        self._tables.change("device", number.device, **values)
        after = self._rows["device"][number.device]
        lost_or_found = (after["clock_set_at"] is None) != (before["clock_set_at"] is None)
        if after["recovery_index"] != before["recovery_index"] or lost_or_found:
            self._notify("device", str(number.device))
        return after["clock_set_at"], after["recovery_index"]

    async def say_faults(self, number: Number, faults: list[str], known: list[str], now: datetime) -> None:
        device = self._rows["device"].get(number.device)
        if device is None or (device["faults_boot"], device["faults_seq"]) > (number.boot, number.seq):
            return
        self._tables.change("device", number.device, faults_boot=number.boot, faults_seq=number.seq)
        for key in list(self._rows["device_fault"]):
            if key[0] == number.device and key[1] in known and key[1] not in faults:
                self._tables.remove("device_fault", key)
        for fault in faults:
            await self.note_fault(number.device, fault, now)

    async def note_fault(self, device: int, fault: str, now: datetime) -> None:
        if device not in self._rows["device"]:
            return
        before = self._rows["device_fault"].get((device, fault))
        since, seen_at = (before["since"], max(before["seen_at"], now)) if before else (now, now)
        row = {"device": device, "fault": fault, "since": since, "seen_at": seen_at}
        self._tables.put("device_fault", (device, fault), row)

    async def touch_hub(self, hub: str, now: datetime, status: dict[str, Any]) -> None:
        before = self._rows["hub"].get(hub) or _new_hub(hub)
        self._tables.put("hub", hub, {**before, "last_seen_at": now, "status": status or before["status"]})

    async def hubs(self) -> dict[str, Hub]:
        return {name: model(Hub, row) for name, row in sorted(self._rows["hub"].items())}

    async def count(self, name: str, by: int = 1) -> None:
        before = self._rows["counter"].get(name, {"value": 0})
        self._tables.put("counter", name, {"name": name, "value": before["value"] + by})


def _is_open(down: Row, now: datetime) -> bool:
    return down["felt_at"] is None and down["until_at"] > now


def _new_hub(hub: str) -> Row:
    place = {"town": None, "lat_e7": None, "lon_e7": None, "place": ""}
    return {"id": hub, **place, "last_seen_at": None, "status": {}}


class MemoryStore:
    """The twin of PostgresStore. `noticed(channel, payload)` is called where NOTIFY would be, after the commit."""

    def __init__(self, noticed: Callable[[str, str], None] | None = None) -> None:
        self.tables = Tables()
        self.noticed = noticed or (lambda channel, payload: None)
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, undone when it raises."""
        async with self._one_at_a_time:
            self.tables.begin()
            tx = Tx(self.tables)
            try:
                yield tx
            except BaseException:
                self.tables.undo()
                raise
        for channel, payload in tx.notices:
            self.noticed(channel, payload)

    def rows(self, table: str) -> list[Row]:
        """Return all rows of a table, in the order they were made."""
        return list(self.tables.rows[table].values())

    # What provisioning and the towns' table put into a database before the first alarm.

    def put_town(self, ine: str, name: str) -> None:
        self.tables.rows["town"][ine] = {"ine": ine, "name": name, "opens_on": []}

    def put_hub(self, hub: str, town: str, lat_e7: int | None, lon_e7: int | None, place: str = "") -> None:
        where = {"town": town, "lat_e7": lat_e7, "lon_e7": lon_e7, "place": place}
        self.tables.rows["hub"][hub] = {**_new_hub(hub), **where}

    def put_wearer(self, name: str, home_town: str, profile: dict[str, Any] | None = None) -> int:
        if home_town not in self.tables.rows["town"]:
            raise ConstraintError("wearer_home_town_fkey")
        wearer = Wearer(self.tables.draw("wearer"), name, home_town, profile=profile or {})
        row = {f.name: getattr(wearer, f.name) for f in fields(wearer) if f.name != "town_opens_on"}
        self.tables.rows["wearer"][wearer.id] = row
        return wearer.id

    def put_device(self, number: int, wearer_id: int, secret: bytes, now: datetime) -> None:
        """Register a device. The secret is as it lies in the table: wrapped, where anybody wraps it."""
        if wearer_id not in self.tables.rows["wearer"]:
            raise ConstraintError("device_wearer_id_fkey")
        self.tables.rows["device"][number] = {
            "number": number,
            "wearer_id": wearer_id,
            "secret": secret,
            "board": "pendant",
            "created_at": now,
            "revoked_at": None,
            "last_heard_at": None,
            "clock_set_at": None,
            "recovery_index": 0,
            "alias_mode": 1,
            "last_boot": 0,
            "last_seq": 0,
            "battery": None,
            "faults_boot": 0,
            "faults_seq": 0,
        }
