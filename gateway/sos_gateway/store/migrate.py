"""Numbered migrations, run at start under an advisory lock, and the refusal to run on a forgetful database."""

from importlib.resources import files

import psycopg

from ..errors import ConfigError

_LOCK = 0x50C025  # any constant: two gateways that start together migrate one after the other


def numbered() -> list[tuple[str, str]]:
    """Return [(name, sql)] in order."""
    folder = files("sos_gateway.store") / "migrations"
    found = sorted((f.name, f.read_text()) for f in folder.iterdir() if f.name.endswith(".sql"))
    return found


def migrate(url: str) -> list[str]:
    """Bring the database up to date; return the names of what was run."""
    ran = []
    with psycopg.connect(url, autocommit=True) as connection:
        require_durable(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, at timestamptz DEFAULT now())"
            )
            done = {row[0] for row in connection.execute("SELECT name FROM migration")}
            for name, sql in numbered():
                if name in done:
                    continue
                with connection.transaction():
                    connection.execute(sql)  # type: ignore[arg-type]
                    connection.execute("INSERT INTO migration (name) VALUES (%s)", (name,))
                ran.append(name)
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return ran


def require_durable(connection: psycopg.Connection) -> None:
    """Refuse a database that may forget what it has committed: *received* must mean stored."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        row = connection.execute(f"SHOW {setting}").fetchone()
        if row and row[0] in ("off", "local") and not (setting == "synchronous_commit" and row[0] == "local"):
            raise ConfigError(
                f"PostgreSQL runs with {setting} = off, so a committed alarm could be lost in a power cut: "
                f"set {setting} = on in postgresql.conf and restart it."
            )
