"""Everything mosquitto reads, in one folder: certificates, passwords, rights, settings; kept in step."""

import os
import pwd
import shutil
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import SocorsError
from . import certificates
from .broker_users import access_list, hashed, new_password, rights_of

_CONFIGURATION = """\
# Written by `socors broker`; it is written anew at every change, so keep your own settings in another file.
per_listener_settings false
user {user}
pid_file {folder}/mosquitto.pid
persistence false
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/access

listener {port} {address}
certfile {folder}/server.pem
keyfile {folder}/server.key
tls_version tlsv1.2

# An alarm must not wait for a second one to fill a packet.
set_tcp_nodelay true
max_packet_size 1048576
max_queued_messages 10000
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""


class BrokerFiles:
    """The folder; every change is complete on disk before a running mosquitto is told to read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def configuration(self) -> Path:
        return self.folder / "mosquitto.conf"

    def create(self, *, hosts: Sequence[str], port: int, address: str = "", user: str | None = None) -> None:
        """Write certificates (the authority only once), configuration and empty lists; users that exist stay."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        user = user or pwd.getpwuid(os.geteuid()).pw_name
        self._give_to(user)
        certificates.make(self.folder, hosts)
        text = _CONFIGURATION.format(user=user, folder=self.folder, port=port, address=address)
        certificates.write_secret(self.configuration, text.encode())
        self._write(self._hashes())

    def users(self) -> list[str]:
        return sorted(self._hashes())

    def add(self, *names: str) -> dict[str, str]:
        """Give each user a new random password and its rights; return the passwords, which are kept nowhere."""
        hashes = self._hashes()
        passwords = {}
        for name in names:
            rights_of(name)
            passwords[name] = new_password()
            hashes[name] = hashed(passwords[name])
        self._write(hashes)
        return passwords

    def remove(self, names: Iterable[str]) -> None:
        """End users: their next connection is refused, and mosquitto reads the lists again at once."""
        hashes = self._hashes()
        for name in names:
            if hashes.pop(name, None) is None:
                raise SocorsError(
                    f"The broker has no user {name}: `socors broker list` shows those there are."
                )
        self._write(hashes)

    def _hashes(self) -> dict[str, str]:
        path = self.folder / "passwords"
        if not path.exists():
            return {}
        return dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)

    def _write(self, hashes: dict[str, str]) -> None:
        if not self.folder.exists():
            raise SocorsError(f"{self.folder} does not exist: run `socors broker init` first.")
        lines = "".join(f"{name}:{hashes[name]}\n" for name in sorted(hashes))
        # Rights first: a user who can log in before his rights are there would only be refused everything.
        certificates.write_secret(self.folder / "access", access_list(list(hashes)).encode())
        certificates.write_secret(self.folder / "passwords", lines.encode())
        self._keep_owner()
        self.reload()

    def _give_to(self, user: str) -> None:
        if os.geteuid() != 0:
            return
        try:
            shutil.chown(self.folder, user)
        except LookupError:
            raise SocorsError(
                f"There is no system user {user} for mosquitto to run as: install mosquitto, or give --user."
            ) from None

    def _keep_owner(self) -> None:
        """As root: the files belong to whom the folder belongs, so that mosquitto's own user can read them."""
        if os.geteuid() != 0:
            return
        owner = self.folder.stat()
        for path in self.folder.iterdir():
            if path.name != "ca.key":
                os.chown(path, owner.st_uid, owner.st_gid)

    def reload(self) -> bool:
        """Tell the mosquitto that runs on this folder to read its lists again; return whether there was one."""
        with suppress(OSError, ValueError):
            os.kill(int((self.folder / "mosquitto.pid").read_text()), signal.SIGHUP)
            return True
        return False
