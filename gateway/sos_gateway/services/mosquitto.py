"""A real mosquitto with TLS, one user per hub and device and the generated rights: system tests and small sites."""

import shutil
import socket
import ssl
from pathlib import Path
from types import TracebackType

from ..errors import SocorsError
from . import ports
from .broker_files import BrokerFiles
from .process import Child


def find() -> str | None:
    """Return the path of mosquitto, or None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )


class MosquittoService:
    """mosquitto on 127.0.0.1 and a free port, on the files in one folder."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, port: int = 0) -> None:
        program = find()
        if program is None:
            raise SocorsError("mosquitto is not installed: install it (Debian: apt install mosquitto).")
        self._program = program
        self.port = ports.free_from(self.host, port)
        self.files = BrokerFiles(folder)
        self.files.create(hosts=["127.0.0.1", "localhost"], port=self.port, address=self.host)
        self._child = Child("mosquitto", self.files.folder / "mosquitto.log")

    @property
    def port_311(self) -> int:
        """mosquitto speaks MQTT 3.1.1 and 5 on one port."""
        return self.port

    @property
    def ca_file(self) -> Path:
        return self.files.ca_file

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def add(self, *users: str) -> dict[str, str]:
        """Give users passwords and rights, also while it runs."""
        return self.files.add(*users)

    def start(self) -> "MosquittoService":
        self._child.start([self._program, "-c", str(self.files.configuration)], self._listens)
        return self

    def _listens(self) -> bool:
        # The port opens before mosquitto minds SIGHUP, which ends it until then (a user added at once would be its
        # end). Only its main loop, which comes after, answers a handshake.
        if not (self.files.folder / "mosquitto.pid").exists():
            return False
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with (
                socket.create_connection((self.host, self.port), timeout=1) as line,
                trust.wrap_socket(line, server_hostname=self.host),
            ):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        self._child.stop()
        (self.files.folder / "mosquitto.pid").unlink(missing_ok=True)

    def kill(self) -> None:
        self._child.kill()
        (self.files.folder / "mosquitto.pid").unlink(missing_ok=True)

    def __enter__(self) -> "MosquittoService":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
