"""What watchers are told: ready or not, what is amiss, and figures in the format Prometheus reads."""

import asyncio
import contextlib
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sos_gateway import health
from sos_gateway.domain.models import Number, OutboxRow, Sighting
from sos_gateway.errors import ConfigError
from sos_gateway.store.migrate import migrate
from sos_gateway.store.postgres import PostgresStore

NOW = datetime.now(UTC)


@contextlib.asynccontextmanager
async def opened(url):
    store = PostgresStore(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def row(number, at, destination="police"):
    return OutboxRow(number, destination, "alert", f"socors-{number}-{destination}", {}, at, at)


def readiness(url, prepare=None, ahead=timedelta(0), broker=True, destinations=("police",)):
    async def story():
        async with opened(url) as store:
            if prepare:
                async with store.transaction() as tx:
                    await prepare(tx)
            return await health.readiness(
                store, lambda: datetime.now(UTC) + ahead, broker_connected=broker, destinations=destinations
            )

    return asyncio.run(story())


def test_a_sound_gateway_is_ready_and_has_nothing_to_say(database_url):
    found = readiness(database_url)
    assert (found.usable, found.problems) == (True, [])


def test_without_its_broker_it_is_not_ready(database_url):
    found = readiness(database_url, broker=False)
    assert (found.usable, found.problems) == (False, ["broker: not connected"])


def test_without_its_database_it_is_not_ready_and_says_so_soon(database_url):
    async def story():
        store = PostgresStore(database_url.replace("%2Fpg", "%2Fgone"))
        async with asyncio.timeout(10):
            await store.pool.open(wait=False)
            found = await health.readiness(
                store, lambda: datetime.now(UTC), broker_connected=True, destinations=()
            )
            await store.close()
        return found

    found = asyncio.run(story())
    assert not found.usable
    assert found.problems[0].startswith("database: ")


def test_a_forgetful_database_is_refused_at_the_start_and_seen_when_it_becomes_so(postgres, database_url):
    name = database_url.split("/")[3].split("?")[0]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(ConfigError, match="synchronous_commit = off"):
        migrate(database_url)
    found = readiness(database_url)
    assert not found.usable
    assert found.problems == ["database: synchronous_commit is off, so what it has committed could be lost"]


def test_a_silent_hub_is_named_but_the_gateway_goes_on(database_url):
    async def hubs(tx):
        await tx.touch_hub("kitchen", datetime.now(UTC) - timedelta(seconds=61), {})
        await tx.touch_hub("stairs", datetime.now(UTC) - timedelta(seconds=5), {})

    found = readiness(database_url, hubs)
    assert (found.usable, found.problems) == (True, ["silent hubs: kitchen"])


def test_a_gsm_stick_that_is_not_well_is_told_of_but_the_gateway_goes_on(database_url):
    async def hubs(tx):
        for hub, state in (("hall", "ready"), ("kitchen", "there is no SIM")):
            await tx.touch_hub(hub, datetime.now(UTC), {"spooled": 0, "sms": {"state": state}})
        await tx.touch_hub("stairs", datetime.now(UTC), {"spooled": 0})
        await tx.touch_hub("odd", datetime.now(UTC), {"sms": [1]})

    found = readiness(database_url, hubs)
    assert (found.usable, found.problems) == (True, ["hub kitchen, GSM stick: there is no SIM"])


def test_messages_that_do_not_leave_are_told_of(database_url):
    async def messages(tx):
        await tx.add_outbox(
            [
                row(1, datetime.now(UTC) - timedelta(minutes=12)),
                row(2, datetime.now(UTC) - timedelta(seconds=2), "fresh"),
                row(3, datetime.now(UTC) + timedelta(minutes=1), "pending"),
                row(4, datetime.now(UTC) - timedelta(hours=1), "gone"),
                row(5, datetime.now(UTC), "dead"),
            ]
        )
        await tx.connection.execute("UPDATE outbox SET state = 'dead' WHERE destination = 'dead'")

    found = readiness(database_url, messages, destinations=("police", "fresh", "pending", "dead"))
    assert found.usable
    assert found.problems == [
        "outbox: 1 messages to dead were given up; see `socors outbox dead`",
        "outbox: 1 messages wait for gone, which is not configured",
        "outbox: police has confirmed nothing for 12 min",
    ]


def test_clocks_that_differ_are_told_of(database_url):
    (problem,) = readiness(database_url, ahead=timedelta(hours=1)).problems
    assert problem.startswith("clock: ours and the database's differ by ")


SAMPLE = re.compile(r'^socors_[a-z_]+\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\} [0-9.]+$')
COMMENT = re.compile(r"^# (HELP socors_[a-z_]+ .+|TYPE socors_[a-z_]+ (counter|gauge))$")


def test_metrics_are_in_the_format_prometheus_reads(database_url):
    async def story():
        async with opened(database_url) as store:
            async with store.transaction() as tx:
                await tx.count("committed", 3)
                await tx.count('a "quoted\\ name', 1)
                await tx.touch_hub("kitchen", NOW - timedelta(seconds=61), {})
                await tx.add_outbox([row(1, NOW - timedelta(seconds=30))])
                for device, via, seconds in ((7, "lte", 5), (7, "lte", 9), (8, "lte", 7200), (9, "ble", 5)):
                    number = Number(device, 1, seconds)
                    await tx.add_sighting(Sighting(number, "", 0, NOW - timedelta(seconds=seconds), via))
            return await health.metrics(store, lambda: NOW, {"topic": 2})

    text = asyncio.run(story())
    for line in text.splitlines():
        assert SAMPLE.match(line) or COMMENT.match(line), line
    assert 'socors_frames_total{outcome="committed"} 3' in text
    assert 'socors_frames_total{outcome="a \\"quoted\\\\ name"} 1' in text
    assert 'socors_hub_silent_seconds{hub="kitchen"} 61.0' in text
    assert 'socors_outbox_oldest_seconds{destination="police",state="waiting"} 30.0' in text
    assert 'socors_devices_heard{via="ble"} 1' in text
    assert 'socors_devices_heard{via="lte"} 1' in text
    assert 'socors_messages_refused_total{why="topic"} 2' in text
