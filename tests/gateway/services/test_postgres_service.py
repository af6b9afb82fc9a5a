"""The embedded database: durable, private, alive again after a kill."""

import stat

import psycopg


def test_the_database_is_durable_and_only_its_folder_lets_anyone_in(postgres):
    assert stat.S_IMODE(postgres.folder.stat().st_mode) == 0o700
    with psycopg.connect(postgres.url()) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
        }
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
    }


def test_what_was_committed_is_there_after_a_kill(tmp_path_factory):
    import shutil
    import tempfile
    from pathlib import Path

    from sos_gateway.services.postgres import PostgresService

    folder = Path(tempfile.mkdtemp(prefix="socors-test-"))
    with PostgresService(folder / ("a-folder-whose-name-is-too-long-for-a-socket" * 2)) as service:
        with psycopg.connect(service.url()) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        service.kill()
        service.start()
        with psycopg.connect(service.url()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    shutil.rmtree(folder)
