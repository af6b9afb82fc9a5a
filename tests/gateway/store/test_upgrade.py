"""A database of before devices had modems is brought up to date with what is in it."""

import psycopg
import pytest
from sos_gateway.store import migrate


@pytest.fixture
def old_database(postgres, monkeypatch):
    """A database as migration 0003 left it, with an incident that is open and its answer on the way."""
    name = "test_upgrade"
    url = postgres.create_database(name)
    before = [(file, sql) for file, sql in migrate.numbered() if file < "0004"]
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "numbered", lambda: before)
        migrate.migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for query in (
            "INSERT INTO town (ine, name) VALUES ('08073', 'Cornellà')",
            "INSERT INTO wearer (name, home_town) VALUES ('W', '08073')",
            "INSERT INTO device (number, wearer_id, secret, board, created_at) VALUES (1, 1, 'x', 'pendant', now())",
            "INSERT INTO incident (wearer_id, device, kind, state, town, occurred_at, received_at, updated_at, lat_e7, "
            "lon_e7) VALUES (1, 1, 'sos', 'open', '08073', now(), now(), now(), 413550000, 20700000)",
            "INSERT INTO event_key VALUES (1, 1, 1)",
            "INSERT INTO event (device, boot, seq, kind, flags, form, occurred_at, time_known, received_at, body, "
            "incident_id) VALUES (1, 1, 1, 1, 0, 1, now(), true, now(), '', 1)",
            "INSERT INTO sighting (device, boot, seq, hub, rssi, heard_at) VALUES (1, 1, 1, 'kitchen', -60, now())",
            "INSERT INTO down (device, ref_boot, ref_seq, state, arg, created_at, next_at, until_at) "
            "VALUES (1, 1, 1, 1, 0, now(), now(), now() + interval '1 day')",
            "INSERT INTO unresolved (frame, hub, heard_at, received_at) VALUES ('y', 'kitchen', now(), now())",
        ):
            connection.execute(query)
        yield url, connection
    postgres.drop_database(name)


def test_what_was_there_before_devices_had_modems_goes_on_as_heard_on_the_air(old_database):
    url, connection = old_database
    assert [name for name in migrate.migrate(url) if name >= "0004"]
    assert migrate.migrate(url) == []
    assert connection.execute("SELECT hub, via FROM sighting").fetchall() == [("kitchen", "ble")]
    assert connection.execute("SELECT via, publisher FROM unresolved").fetchall() == [("ble", None)]
    assert connection.execute("SELECT lte_tries, sms_state, sms_at FROM down").fetchall() == [(0, -1, None)]
    # Destinations know where she is: a step from there is no news.
    assert connection.execute("SELECT told_lat_e7, told_lon_e7 FROM incident").fetchall() == [
        (413550000, 20700000)
    ]
