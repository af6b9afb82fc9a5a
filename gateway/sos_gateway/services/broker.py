"""The broker of the demo, from a wheel: rumqttd inside iotcore, on 127.0.0.1, with passwords but without rights.

Found by experiment with iotcore 0.4.0 (rumqttd 0.20): users and passwords are checked (a wrong one is met with
silence and a closed connection instead of a CONNACK), TLS works, MQTT 5 and 3.1.1 reach one another, shared
subscriptions are spread. It has no access lists: every user may read and write every topic. It keeps nothing
over a restart, and its users are fixed when it starts. Hence loopback only, and mosquitto for anything real.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from . import certificates, ports
from .broker_users import new_password, rights_of
from .process import Child

_CHILD = "from iotcore._serve import main; main()"

_ROUTER = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
"""

_LISTENER = """
[{version}]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
{tls}
[{version}.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 100
[{version}.connections.auth]
{users}
"""


class BrokerService:
    """One embedded broker as a child process that ends with us; MQTT 5 on `port`, MQTT 3.1.1 on `port_311`."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, *, port: int = 0, tls: bool = False) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = ports.free_from(self.host, port)
        self.port_311 = ports.any_free(self.host)
        self._tls = tls
        self._passwords: dict[str, str] = {}
        self._child = Child("the embedded broker", self.folder / "broker.log")
        if tls:
            certificates.make(self.folder, ["127.0.0.1", "localhost"])

    @property
    def ca_file(self) -> Path | None:
        return self.folder / "ca.pem" if self._tls else None

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def add(self, *users: str) -> dict[str, str]:
        """Give users passwords; a broker that runs learns of them by starting again (it drops all connections)."""
        made = {}
        for user in users:
            rights_of(user)
            made[user] = self._passwords[user] = new_password()
        if self._child.running:
            self.stop()
            self.start()
        return made

    def start(self) -> "BrokerService":
        path = self.folder / "broker.toml"
        certificates.write_secret(path, self._configuration().encode())
        # The child reads its standard input and ends when we close it, or end ourselves in whatever way.
        command = [sys.executable, "-c", _CHILD, json.dumps({"config_path": str(path)})]
        self._child.start(command, self._listens, stdin=subprocess.PIPE)
        return self

    def _configuration(self) -> str:
        # Without any user rumqttd would let everybody in.
        users = self._passwords or {"nobody": new_password()}
        lines = "\n".join(f'"{name}" = "{password}"' for name, password in users.items())
        parts = [_ROUTER]
        for version, port in (("v5.1", self.port), ("v4.1", self.port_311)):
            tls = ""
            if self._tls:
                tls = f'[{version}.tls]\ncertpath = "{self.folder}/server.pem"\nkeypath = "{self.folder}/server.key"\n'
            parts.append(_LISTENER.format(version=version, port=port, tls=tls, users=lines))
        return "".join(parts)

    def _listens(self) -> bool:
        for port in (self.port, self.port_311):
            try:
                with socket.create_connection((self.host, port), timeout=1):
                    pass
            except OSError:
                return False
        return True

    def stop(self) -> None:
        self._child.stop()

    def kill(self) -> None:
        self._child.kill()

    def __enter__(self) -> "BrokerService":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
