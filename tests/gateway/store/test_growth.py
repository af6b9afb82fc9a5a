"""The store at size: what is let go and what never is; how the table of events is laid out, and that it is chosen."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sos_gateway.domain.models import Number
from sos_gateway.store import named_queries, retention
from sos_gateway.store.postgres import PostgresStore
from sos_gateway.store.retention import Retention
from sos_wire import kinds

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=31)
LET_GO = (kinds.LOW_BATTERY, kinds.TEST, kinds.POSITION, kinds.HEARTBEAT, kinds.DECOY, kinds.FELT)

EVENT = """INSERT INTO event (device, boot, seq, kind, flags, form, occurred_at, time_known, received_at, body, incident_id)
    VALUES (1, 1, %s, %s, 0, 1, %s, true, %s, '', %s)"""


@contextlib.asynccontextmanager
async def opened(url):
    store = PostgresStore(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def let_go(url, telemetry_days=30, hub_frame_days=30, track_days=30):
    async def story():
        async with opened(url) as store:
            work = Retention(
                store=store,
                clock=lambda: NOW,
                telemetry_days=telemetry_days,
                hub_frame_days=hub_frame_days,
                track_days=track_days,
            )
            return await work.once()

    return asyncio.run(story())


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def put_event(connection, seq, kind, at, incident_id=None):
    connection.execute("INSERT INTO event_key VALUES (1, 1, %s)", (seq,))
    connection.execute(EVENT, (seq, kind, at, at, incident_id))


def test_old_telemetry_goes_and_alarms_cancels_and_every_key_stay(database_url, connection):
    for seq in range(len(kinds.NAMES)):  # 0 is unreadable
        put_event(connection, 2 * seq + 1, seq, OLD)
        put_event(connection, 2 * seq + 2, seq, NOW - timedelta(days=29))
    put_event(connection, 100, kinds.HEARTBEAT, OLD, incident_id=5)
    assert let_go(database_url)["remove_telemetry"] == len(LET_GO)
    left = {seq for (seq,) in connection.execute("SELECT seq FROM event")}
    assert left == {100, *range(1, 2 * len(kinds.NAMES) + 1)} - {2 * kind + 1 for kind in LET_GO}
    assert connection.execute("SELECT count(*) FROM event_key").fetchone() == (2 * len(kinds.NAMES) + 1,)


def test_a_replay_of_an_event_that_was_let_go_is_still_no_new_one(database_url, connection):
    put_event(connection, 1, kinds.HEARTBEAT, OLD)
    let_go(database_url)
    assert connection.execute("SELECT count(*) FROM event").fetchone() == (0,)

    async def story():
        async with opened(database_url) as store, store.transaction() as tx:
            return await tx.claim_event(Number(1, 1, 1))

    assert asyncio.run(story()) is False


def test_sightings_and_notes_of_frames_go_in_many_small_steps_and_history_never_does(
    database_url, connection, monkeypatch
):
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    connection.execute(
        "INSERT INTO hub_frame SELECT 'h', '0badcafe', n, 'committed', %s::timestamptz + n * interval '1 hour' "
        "FROM generate_series(1, 48) n",
        (NOW - timedelta(days=31),),
    )
    connection.execute(
        "INSERT INTO sighting SELECT 1, 1, n, 'h', -60, %s FROM generate_series(1, 25) n", (OLD,)
    )
    connection.execute(
        "INSERT INTO transition (incident_id, what, to_state, who, at, hash) VALUES (1, 'x', 'open', 'y', %s, '')",
        (OLD,),
    )
    gone = let_go(database_url)
    assert (gone["remove_hub_frames"], gone["remove_sightings"]) == (23, 25)
    assert connection.execute("SELECT count(*) FROM hub_frame").fetchone() == (25,)
    assert connection.execute("SELECT count(*) FROM transition").fetchone() == (1,)
    assert not any(let_go(database_url).values())


def put_incident(connection, number, state, updated_at):
    connection.execute("INSERT INTO town (ine, name) VALUES ('08073', 'Cornellà') ON CONFLICT DO NOTHING")
    connection.execute(
        "INSERT INTO wearer (id, name, home_town) OVERRIDING SYSTEM VALUE VALUES (%s, 'W', '08073')",
        (number,),
    )
    connection.execute(
        "INSERT INTO incident (id, wearer_id, device, kind, state, town, occurred_at, received_at, updated_at) "
        "OVERRIDING SYSTEM VALUE VALUES (%s, %s, 1, 'sos', %s, '08073', %s, %s, %s)",
        (number, number, state, OLD, OLD, updated_at),
    )


def test_a_track_goes_when_its_incident_has_been_over_for_long_and_its_alarms_stay(database_url, connection):
    for number, state, updated_at in ((1, "closed", OLD), (2, "accepted", OLD), (3, "closed", NOW)):
        put_incident(connection, number, state, updated_at)
        put_event(connection, 10 * number, kinds.SOS, OLD, incident_id=number)
        put_event(connection, 10 * number + 1, kinds.POSITION, OLD, incident_id=number)
        put_event(connection, 10 * number + 2, kinds.POSITION, OLD, incident_id=number)
    assert let_go(database_url)["remove_tracks"] == 2
    left = {seq for (seq,) in connection.execute("SELECT seq FROM event")}
    assert left == {10, 20, 21, 22, 30, 31, 32}


def test_what_a_fall_felt_like_goes_when_its_incident_has_been_over_for_long(database_url, connection):
    for number, state, updated_at in ((1, "closed", OLD), (2, "accepted", OLD), (3, "closed", NOW)):
        put_incident(connection, number, state, updated_at)
        put_event(connection, number, kinds.FALL, OLD, incident_id=number)
    for seq, at in (
        (1, OLD),
        (2, OLD),
        (3, OLD),
        (4, OLD),
        (5, NOW),
    ):  # of 4 and 5 nobody knows the fall any more
        connection.execute("INSERT INTO evidence VALUES (1, 1, %s, 0, %s, %s)", (seq, bytes(45), at))
    assert let_go(database_url)["remove_evidence"] == 2
    assert {seq for (seq,) in connection.execute("SELECT seq FROM evidence")} == {2, 3, 5}
    assert connection.execute("SELECT count(*) FROM event").fetchone() == (3,)


def test_what_destinations_were_told_of_each_step_goes_too_and_the_messages_stay(database_url, connection):
    put_incident(connection, 1, "closed", OLD)
    for number, (change, state) in enumerate(
        (("moved", "confirmed"), ("moved", "dead"), ("moved", "waiting"), ("raised", "confirmed"))
    ):
        connection.execute(
            "INSERT INTO outbox (incident_id, destination, kind, identifier, payload, state, not_before, next_at, "
            "created_at) VALUES (1, 'police', 'update', %s, %s, %s, %s, %s, %s)",
            (str(number), Jsonb({"change": change, "position": {"latitude": 41.3}}), state, OLD, OLD, OLD),
        )
    assert let_go(database_url)["remove_told_places"] == 2
    rows = connection.execute("SELECT payload->'position' FROM outbox ORDER BY id").fetchall()
    assert [row[0] is None for row in rows] == [True, True, False, False]


def test_what_is_let_go_is_found_by_an_index(connection):
    connection.execute("SET enable_seqscan = off")
    queries = named_queries.load("core")
    for name, index in (
        ("remove_telemetry", "event_telemetry"),
        ("remove_sightings", "sighting_by_time"),
        ("remove_hub_frames", "hub_frame_by_time"),
        ("remove_tracks", "event_track"),
        ("remove_told_places", "outbox_moved"),
    ):
        plan = connection.execute("EXPLAIN " + queries[name], {"oldest": OLD, "limit": 10}).fetchall()
        assert any(index in line for (line,) in plan), name


def test_without_timescaledb_events_are_in_a_plain_table_and_this_is_noted(connection):
    if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone():
        # The promise is about a database without it; with it the other layout is the right one.
        pytest.skip("this PostgreSQL has TimescaleDB: events are in a hypertable")
    assert connection.execute("SELECT value FROM setting WHERE name = 'event_layout'").fetchone() == (
        "plain",
    )
    (kind,) = connection.execute("SELECT relkind FROM pg_class WHERE relname = 'event'").fetchone()
    assert kind in ("r", b"r")


def test_an_extension_that_cannot_be_had_is_no_reason_to_stop(connection):
    """The server says it has the extension, and then cannot make it: the choice falls back, and says so."""
    connection.execute(
        "CREATE SCHEMA says_so; CREATE VIEW says_so.pg_available_extensions AS SELECT 'timescaledb'::name AS name"
    )
    connection.execute("SET search_path = says_so, pg_catalog, public")
    warnings = []
    connection.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    assert connection.execute("SELECT public.lay_out_by_time()").fetchone() == ("plain",)
    assert warnings[0].startswith("event stays a plain table: ")
