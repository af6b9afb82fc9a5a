"""The builder as a process: one table at a time for a database, a new one when period or devices change."""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sos_wire import kinds

from ..config import database_url
from ..errors import ConfigError, SocorsError, in_a_line
from ..keys.wrapping import Wrapper, read_key_file
from ..store.postgres import QUERIES
from . import alias_table, windows
from .alias_builder import Builder, Found, read_devices
from .fleet import alias_folder
from .unresolved import PAGE, Devices, Search, lost

# How soon a registered device moves from the dictionaries of gateways into the table.
LOOK_S = 30.0
# Between two searches for unresolved frames, while there are any.
SEARCH_S = 5.0
_CHANGES = "SELECT count(*), max(created_at), max(revoked_at), count(revoked_at) FROM device"

log = logging.getLogger("socors.aliases")


class BuilderProcess:
    """Builds when it must, searches when it may."""

    def __init__(self, url: str, builder: Builder) -> None:
        self._url = url
        self._builder = builder
        self._search = Search(time.sleep)
        self._built: Any = None  # period and state of the devices of the last table
        self._found: set[Found] = set()

    def run(self) -> None:
        """Work until the process is ended. A database that is away is waited for; the last table goes on serving."""
        while True:
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    self._serve(connection)
            except psycopg.OperationalError as error:
                log.warning("the database is away, trying again: %s", in_a_line(error))
                time.sleep(1)

    def _serve(self, connection: psycopg.Connection) -> None:
        look_at = 0.0
        while True:
            period = int(time.time()) // kinds.ALIAS_PERIOD_S
            if time.monotonic() >= look_at or not self._built or self._built[0] != period:
                self.build_if_due(connection)
                look_at = time.monotonic() + LOOK_S
            self.search(connection)
            time.sleep(SEARCH_S)

    def build_if_due(self, connection: psycopg.Connection) -> bool:
        """Build when the period has changed, or the devices; return whether a table was written."""
        now_s = int(time.time())
        state = (now_s // kinds.ALIAS_PERIOD_S, connection.execute(_CHANGES).fetchone())
        if state == self._built:
            return False
        self._build(connection, now_s)
        self._built = state
        return True

    def _build(self, connection: psycopg.Connection, now_s: int) -> None:
        began = time.monotonic()
        rows, read_at = read_devices(connection)
        self._builder.build(rows, read_at, now_s, self._found)
        log.info("table for %d devices built in %.1f s", len(rows), time.monotonic() - began)
        if self._builder.unopened:
            log.error("%d devices' secrets do not open with the key file", self._builder.unopened)

    def search(self, connection: psycopg.Connection) -> int:
        """Search one step for unresolved frames; a device found goes into a table at once."""
        rows = list(_unresolved(connection))
        if not rows:
            self._found.clear()  # all of it was taken, or let go
        step, batch = self._search.next_round(lost(row) for row in rows)
        if not batch or not len(self._builder.rows):
            return 0
        own = self._builder.rows
        counts = windows.recovery_counts(own.heard, int(time.time()))
        devices = Devices(own.numbers, self._builder.keys, own.recovery.astype("int64") + counts)
        new = {found for met in self._search.look(step, batch, devices) for found, _ in met} - self._found
        if new:
            self._found |= new
            self._build(connection, int(time.time()))
        ids = [frame.id for frame in batch]
        connection.execute(QUERIES["unresolved_searched"], {"ids": ids, "tried": step + 1})
        return len(new)


def _unresolved(connection: psycopg.Connection) -> Iterable[dict[str, Any]]:
    before = 2**62
    while True:
        with connection.cursor(row_factory=dict_row) as cursor:
            page = cursor.execute(QUERIES["unresolved"], {"before": before, "limit": PAGE * 10}).fetchall()
        if not page:
            return
        yield from page
        before = page[-1]["id"]


def opened_builder(processes: int) -> tuple[str, Builder, Path]:
    """Return (database, builder, folder) as the environment sets them."""
    url = database_url()
    file = os.environ.get("SOCORS_SECRET_KEY_FILE", "")
    if not file:
        raise ConfigError(
            "SOCORS_SECRET_KEY_FILE is not set: set it to the file made with `socors keys new`."
        )
    wrapper = Wrapper(read_key_file(Path(file)))
    set_folder = os.environ.get("SOCORS_ALIAS_FOLDER", "")
    folder, whose = alias_folder(Path(set_folder) if set_folder else None, url, wrapper)
    alias_table.own_folder(folder)
    return url, Builder(folder, wrapper, whose, processes), folder


def only_one(folder: Path, wait: bool) -> Any:
    """Return the lock of the folder's only builder; a second one waits until the first has ended."""
    handle = (folder / "lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise SocorsError(
            f"A builder is at work in {folder}: a gateway has started it; nothing is to be done."
        ) from None
    return handle


def _end_with_parent() -> None:
    """End when standard input does: its other end is held by the gateway, which may have been killed."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(10)  # alarms go before tables
    url, builder, folder = opened_builder(processes=max(1, (os.cpu_count() or 1) - 1))
    with only_one(folder, wait=True):
        BuilderProcess(url, builder).run()


if __name__ == "__main__":
    main()
