"""What this gateway says of itself: whether alarms can be taken, what is amiss, and figures for Prometheus."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from .errors import in_a_line
from .store import named_queries

# A hub says something every 10 s; one that missed six is gone.
SILENT_HUB = timedelta(seconds=60)
# Retries begin within seconds: a message this old means that its destination does not take any.
OLD_MESSAGE = timedelta(minutes=5)
# A press's time is resolved against our clock, and timers against the same: two seconds are its unit.
CLOCKS_APART = timedelta(seconds=2)
ANSWER_WITHIN_S = 2.0
HEARD_SINCE = timedelta(hours=1)
# What a device says of itself stands until it says otherwise; that an alarm could not be opened, so long after the last.
NOTE_LASTS = timedelta(hours=24)

DISPATCH = named_queries.load("dispatch")
# A stick that is not well, in its hub's own words, which are short.
_STICKS = (
    "SELECT id, left(status->'sms'->>'state', 100) AS state FROM hub "
    "WHERE status->'sms'->>'state' <> 'ready' ORDER BY id"
)
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
_DATABASE_AWAY = (psycopg.Error, TimeoutError)


@dataclass
class Readiness:
    """usable: alarms can be taken now. problems: sentences for a person, also while it is usable."""

    usable: bool = True
    problems: list[str] = field(default_factory=list)

    def stop(self, problem: str) -> None:
        self.usable = False
        self.problems.append(problem)


async def readiness(
    store: Any, clock: Callable[[], datetime], *, broker_connected: bool | None, destinations: Iterable[str]
) -> Readiness:
    """Look at database, broker, hubs and outbox; never takes longer than a prober's patience."""
    found = Readiness()
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S), store.transaction() as tx:
            await _database(tx, found, clock)
            await _hubs(tx, found, clock())
            await _outbox(tx, found, clock(), set(destinations))
    except _DATABASE_AWAY as error:
        found.stop(f"database: {in_a_line(error)}")
    if broker_connected is False:
        found.stop("broker: not connected")
    return found


async def _database(tx: Any, found: Readiness, clock: Callable[[], datetime]) -> None:
    for name in _DURABLE:
        row = await _one(tx, f"SHOW {name}")
        if row[name] == "off":
            found.stop(f"database: {name} is off, so what it has committed could be lost")
    row = await _one(tx, "SELECT clock_timestamp() AS now")
    apart = abs(row["now"] - clock())
    if apart > CLOCKS_APART:
        found.problems.append(
            f"clock: ours and the database's differ by {apart.total_seconds():.0f} s; set both by NTP"
        )


async def _hubs(tx: Any, found: Readiness, now: datetime) -> None:
    silent = [
        hub.id
        for hub in (await tx.hubs()).values()
        if hub.last_seen_at is None or now - hub.last_seen_at > SILENT_HUB
    ]
    if silent:
        found.problems.append("silent hubs: " + ", ".join(sorted(silent)))
    for row in await _all(tx, _STICKS):
        if row["id"] not in silent:
            found.problems.append(f"hub {row['id']}, GSM stick: {row['state']}")


async def _outbox(tx: Any, found: Readiness, now: datetime, destinations: set[str]) -> None:
    for row in await _all(tx, DISPATCH["outbox_state"], now=now):
        name = row["destination"]
        if row["state"] == "dead":
            found.problems.append(
                f"outbox: {row['n']} messages to {name} were given up; see `socors outbox dead`"
            )
        elif name not in destinations:
            found.problems.append(f"outbox: {row['n']} messages wait for {name}, which is not configured")
        elif now - row["oldest"] > OLD_MESSAGE:
            minutes = (now - row["oldest"]).total_seconds() / 60
            found.problems.append(f"outbox: {name} has confirmed nothing for {minutes:.0f} min")


async def metrics(store: Any, clock: Callable[[], datetime], refused: dict[str, int]) -> str:
    """Return counters and gauges in Prometheus's text format."""
    page = _Page()
    async with asyncio.timeout(ANSWER_WITHIN_S), store.transaction() as tx:
        now = clock()
        frames = [({"outcome": row["name"]}, row["value"]) for row in await tx.all("counters")]
        outbox = await _all(tx, DISPATCH["outbox_state"], now=now)
        incidents = await _all(tx, "SELECT state, count(*) AS n FROM incident GROUP BY state ORDER BY state")
        hubs = await tx.hubs()
        ways = await tx.all("heard_by_way", since=now - HEARD_SINCE)
        faults = await tx.all("fault_counts", since=now - NOTE_LASTS)
    page.add(
        "socors_devices_heard",
        "gauge",
        "Devices heard within the last hour, by the way they were heard.",
        [({"via": row["via"]}, row["n"]) for row in ways],
    )
    page.add(
        "socors_device_faults",
        "gauge",
        "Devices that say they have a fault; unopened: an alarm of theirs nobody could open.",
        [({"fault": row["fault"]}, row["n"]) for row in faults],
    )
    page.add("socors_frames_total", "counter", "Frames by what became of them.", frames)
    page.add(
        "socors_outbox_rows",
        "gauge",
        "Messages not yet confirmed, by destination and state.",
        [({"destination": row["destination"], "state": row["state"]}, row["n"]) for row in outbox],
    )
    page.add(
        "socors_outbox_oldest_seconds",
        "gauge",
        "Age of the oldest message that should have left.",
        [
            ({"destination": row["destination"], "state": row["state"]}, _seconds(now, row["oldest"]))
            for row in outbox
        ],
    )
    page.add(
        "socors_incidents",
        "gauge",
        "Incidents by state.",
        [({"state": r["state"]}, r["n"]) for r in incidents],
    )
    page.add(
        "socors_hub_silent_seconds",
        "gauge",
        "Time since a hub was last heard.",
        [({"hub": hub.id}, _seconds(now, hub.last_seen_at)) for hub in hubs.values() if hub.last_seen_at],
    )
    page.add(
        "socors_messages_refused_total",
        "counter",
        "Broker messages refused before any frame was read.",
        [({"why": why}, count) for why, count in sorted(refused.items())],
    )
    return page.text()


class _Page:
    """The text format: https://prometheus.io/docs/instrumenting/exposition_formats/"""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, kind: str, text: str, samples: Sequence[tuple[dict[str, str], float]]) -> None:
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            inside = ",".join(f'{label}="{_escaped(what)}"' for label, what in labels.items())
            self._lines.append(f"{name}{{{inside}}} {value}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(now: datetime, then: datetime) -> float:
    return round(max((now - then).total_seconds(), 0.0), 1)


async def _all(tx: Any, query: str, **values: Any) -> list[dict[str, Any]]:
    cursor = await tx.connection.execute(query, values or None)
    return await cursor.fetchall()


async def _one(tx: Any, query: str) -> dict[str, Any]:
    return (await _all(tx, query))[0]
