"""Keeps the resolver true: few devices in a dictionary, many in a table whose builder is started and watched here."""

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sos_wire import times
from sos_wire.seal import Keys

from ..config import Settings
from ..keys.wrapping import Wrapper
from . import alias_table
from .aliases import KnownDevice, Resolver

# So many devices are served from the dictionary alone: a period costs 5 ms, and no process and no folder is needed.
SMALL_FLEET = 1000
LOOK_S = 1.0  # how soon a new table is noticed; it holds the next period already, so nothing hangs on it
RESTART_S = (1.0, 60.0)  # first and longest pause before a builder that ended is started again
# A transaction that registered a device may have committed so long after the time it wrote down.
COMMITTED_WITHIN = timedelta(hours=1)
STOP_WITHIN_S = 5.0

log = logging.getLogger("socors.fleet")


def alias_folder(settings_folder: Path | None, url: str, wrapper: Wrapper) -> tuple[Path, str]:
    """Return (folder of the table, the mark of this database and key); the default folder is this database's own."""
    whose = wrapper.mark("aliases of " + url)
    if settings_folder is not None:
        return settings_folder, whose
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # given by systemd
    if state:
        return Path(state) / f"aliases-{whose[:8]}", whose
    return Path(tempfile.gettempdir()) / f"socors-aliases-{os.getuid()}-{whose[:8]}", whose


class Fleet:
    """Loads the devices, follows what becomes of them, swaps tables."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Any,
        wrapper: Wrapper,
        resolver: Resolver,
        clock: Callable[[], datetime],
        small: int = SMALL_FLEET,
    ) -> None:
        self._settings = settings
        self._store = store
        self._wrapper = wrapper
        self._resolver = resolver
        self._clock = clock
        self._small = small
        self.folder, self._whose = alias_folder(settings.alias_folder, settings.database_url, wrapper)
        self._tried: str | None = None  # the table last looked at
        self._seen_until: datetime | None = None
        self._large = asyncio.Event()
        self._fresh = asyncio.Event()
        self.builder: asyncio.subprocess.Process | None = None
        self.swaps = 0
        self.news: Callable[[], object] = lambda: None  # called when more can be resolved than before

    @property
    def is_large(self) -> bool:
        return self._large.is_set()

    async def start(self) -> None:
        """Learn the devices, or map the table there is; `ready` tells when a large fleet's table is of now."""
        async with self._store.transaction() as tx:
            row = await tx.one("count_devices")
        if row["n"] <= self._small:
            await self.catch_up()
        else:
            self._large.set()
            await asyncio.to_thread(alias_table.own_folder, self.folder)
            await self.look()
        log.info("%d devices known%s", row["n"], ", by a table" if self.is_large else "")

    def problem(self) -> str | None:
        """Return what keeps frames of now from being resolved, or None."""
        table = self._resolver.table
        now = times.alias_index(int(self._clock().timestamp()))
        if not self.is_large or (table is not None and table.about.last_epoch >= now):
            return None
        if table is None and self._fresh.is_set():
            return None  # the dictionary has everybody, the first table is being built
        return f"devices: no alias table of now in {self.folder}; the gateway's log says what its builder met"

    async def ready(self) -> None:
        """Wait until frames of now can be resolved: who could not must not take them from another who can."""
        while self.is_large and not self._fresh.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._fresh.wait()

    # Devices that came, went or moved.

    async def changed(self, number: int) -> None:
        """A device was registered, given a new secret, revoked, or its clock or counter moved: know it at once."""
        async with self._store.transaction() as tx:
            row = await tx.one("device", device=number)
        self._know(number, row)
        self.news()

    async def catch_up(self) -> None:
        """Learn what changed while nobody listened: since the table was read, or since the last time."""
        since = self._seen_until
        if since is None and self._resolver.table is not None:
            since = datetime.fromtimestamp(self._resolver.table.about.read_at, self._clock().tzinfo)
        if since is None and self.is_large:
            return  # everything is in the table that is being built
        async with self._store.transaction() as tx:
            now = (await tx.one("database_now"))["now"]
            rows = await tx.all("devices_since", since=since and since - COMMITTED_WITHIN)
        for row in rows:
            self._know(row["number"], row)
        self._seen_until = now

    def _know(self, number: int, row: dict[str, Any] | None) -> None:
        if row is None or row["revoked_at"]:
            return self._resolver.drop(number)
        wrapped = bytes(row["secret"])
        known = self._resolver.device(number)
        if known is not None and known.wrapped == wrapped:
            return self._resolver.moved(number, row["clock_set_at"], row["recovery_index"])
        self._resolver.put(
            KnownDevice(
                number=number,
                keys=Keys(self._wrapper.unwrap(number, wrapped)),
                clock_set_at=row["clock_set_at"],
                last_heard_at=row["last_heard_at"],
                recovery_index=row["recovery_index"],
                wrapped=wrapped,
            )
        )
        if len(self._resolver) > self._small and not self.is_large:
            log.info("more than %d devices: a table is built for them", self._small)
            self._fresh.set()  # the dictionary serves until the table is there
            self._large.set()
        return None

    # Tables.

    async def watch(self) -> None:
        """Take new tables while the fleet is large, until cancelled."""
        await self._large.wait()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Use the newest table if it is not in use yet; return whether it was swapped."""
        about = await asyncio.to_thread(alias_table.describe, self.folder, self._whose)
        if about is None or about.name == self._tried:
            return False
        table = await asyncio.to_thread(alias_table.load, self.folder, self._whose)
        if table is None:
            return False
        first = self._resolver.table is None
        fleet = await asyncio.to_thread(self._resolver.prepared, table)
        self._resolver.use(fleet)
        self._tried = table.about.name
        self.swaps += 1
        self.news()
        if first:
            await self.catch_up()
        if table.about.last_epoch > times.alias_index(int(self._clock().timestamp())):
            self._fresh.set()
        return True

    async def supervise(self) -> None:
        """Keep a builder running while the fleet is large, until cancelled."""
        await self._large.wait()
        await asyncio.to_thread(alias_table.own_folder, self.folder)
        pause, longest = RESTART_S
        while True:
            began = self._clock()
            status = await self._run_builder()
            log.warning(
                "the alias builder ended with status %s; again in %.0f s, the last table serves",
                status,
                pause,
            )
            await asyncio.sleep(pause)
            ran_well = self._clock() - began > timedelta(seconds=longest)
            pause = RESTART_S[0] if ran_well else min(pause * 2, longest)

    async def _run_builder(self) -> int | None:
        environment = {
            **os.environ,
            "SOCORS_DATABASE_URL": self._settings.database_url,
            "SOCORS_SECRET_KEY_FILE": str(self._settings.secret_key_file),
            "SOCORS_ALIAS_FOLDER": str(self.folder),
        }
        # It ends when its standard input does: a gateway that is killed leaves no builder behind.
        self.builder = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sos_gateway.ingest.builder_process"),
            stdin=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            return await self.builder.wait()
        finally:
            await self._stop(self.builder)

    @staticmethod
    async def _stop(builder: asyncio.subprocess.Process) -> None:
        if builder.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                builder.terminate()
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await builder.wait()
            except TimeoutError:
                builder.kill()
