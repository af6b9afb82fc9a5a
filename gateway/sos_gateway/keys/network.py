"""The network part of a watch's secrets file: how it reaches the broker, with a credential of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sos_wire import netfile

from ..errors import ConfigError
from ..services.broker_files import BrokerFiles


@dataclass(frozen=True, slots=True)
class Lte:
    """What `socors provision --lte` was told."""

    apn: str
    host: str
    port: int = 8883
    apn_user: str = ""
    apn_password: str = ""
    sim_pin: str = ""
    sms_to: str = ""
    assist_url: str = ""
    ca_file: Path | None = None
    password_file: Path | None = None
    broker_folder: Path | None = None

    def prepare(self, number: int) -> Callable[[], dict[str, Any]]:
        """Check everything now; the function returned makes the device's credential and gives the network part.

        In two steps, so that nothing is wrong any more once the device is registered.
        """
        files = BrokerFiles(self.broker_folder) if self.broker_folder else None
        if files and not (files.folder / "passwords").exists():
            files = None
        if files is None and self.password_file is None:
            raise ConfigError(
                f"The broker's files are not on this machine: run `socors broker add device-{number}` where they are, "
                "and give its password in a file with --broker-password-file."
            )
        ca_file = self.ca_file or (files.ca_file if files else None)
        if ca_file is None:
            raise ConfigError(
                "Give --broker-ca, the CA of the broker's certificate: the watch refuses any other."
            )
        given = _read(self.password_file).strip() if self.password_file else ""
        ca = _read(ca_file)
        self._network(number, given or "made later", ca)

        def finish() -> dict[str, Any]:
            user = f"device-{number}"
            password = given or (files.add(user)[user] if files else "")
            return self._network(number, password, ca)

        return finish

    def _network(self, number: int, password: str, ca: str) -> dict[str, Any]:
        network, complaint = netfile.check(
            {
                "apn": self.apn,
                "apn_user": self.apn_user,
                "apn_password": self.apn_password,
                "sim_pin": self.sim_pin,
                "host": self.host,
                "port": self.port,
                "user": f"device-{number}",
                "password": password,
                "ca": ca,
                "sms_to": self.sms_to,
                "assist_url": self.assist_url,
            }
        )
        if network is None:
            raise ConfigError(f"This makes no watch: {complaint}.")
        return network


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The file {file} cannot be read: {error}.") from error
