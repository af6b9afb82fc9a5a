"""Frames whose alias was not known when they came: kept raw, tried again, searched for ever further away.

Never on the alarm path, and never an incident by themselves. One that resolves is taken as an ordinary, late event.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE

from . import hashing, windows
from .accept import Acceptor, Heard, Outcome
from .alias_builder import Found
from .aliases import Resolver

KEPT_FOR = timedelta(days=30)
KEPT_MOST = 100_000
# All of this may take 5 % of a core: after so much work, nineteen times as long a rest.
REST_PER_WORK = 19
PAGE = 200
PAGE_REST_S = 0.04  # reading a page takes some 2 ms
# Without news (a table, a device) frames are tried again this often.
ROUND_S = 60.0
# A hub's voice at the edge of hearing: how strongly it heard an old frame is not kept.
RSSI_UNKNOWN = -127

# The widest a clock may be off that was not set for 30 days.
LAST_CLOCK_STEP = windows.clock_window(datetime.min, datetime.max)
STEPS = windows.RECOVERY_MOST


@dataclass(frozen=True, slots=True)
class Lost:
    """One unresolved frame as a search sees it."""

    id: int
    alias: bytes
    period: int  # it was heard in
    searched: int  # steps away from it that were searched


def lost(row: dict[str, Any]) -> Lost:
    alias = bytes(row["frame"][kinds.HEADER_BYTES : kinds.HEADER_BYTES + kinds.ALIAS_BYTES])
    return Lost(row["id"], alias, times.alias_index(int(row["heard_at"].timestamp())), row["tried_epochs"])


@dataclass(slots=True)
class Devices:
    """Whom a search asks: alias keys (32 bytes a row), and the recovery counters that are already looked for."""

    numbers: Any
    keys: Any
    counters_end: Any


class Search:
    """Goes through unresolved frames step by step: one more period on either side, one more recovery counter."""

    def __init__(self, rest: Callable[[float], Any]) -> None:
        self._rest = rest
        self._last_step = -1

    def next_round(self, frames: Iterable[Lost]) -> tuple[int, list[Lost]]:
        """Return (step, frames that are to be searched at it). Steps take turns: new noise cannot hold up the old."""
        waiting: dict[int, list[Lost]] = {}
        for frame in frames:
            if frame.searched < STEPS:
                waiting.setdefault(frame.searched, []).append(frame)
        if not waiting:
            return 0, []
        step = min((s for s in waiting if s > self._last_step), default=min(waiting))
        self._last_step = step
        return step, waiting[step]

    def look(self, step: int, frames: list[Lost], devices: Devices) -> Iterator[list[tuple[Found, bytes]]]:
        """Yield, for every period searched, the devices whose alias one of the frames bears; rest after each."""
        wanted = np.array(sorted({int.from_bytes(frame.alias, "big") for frame in frames}), np.uint64)
        periods: set[int] = set()
        if step <= LAST_CLOCK_STEP:
            periods = {frame.period + way * step for frame in frames for way in (-1, 1)}
        for period in sorted(periods, reverse=True):
            if period >= 0:
                yield self._among(wanted, devices, CLOCK_MODE, np.full(len(devices.numbers), period))
        if step:
            yield self._among(wanted, devices, RECOVERY_MODE, devices.counters_end + (step - 1))

    def _among(self, wanted: Any, devices: Devices, mode: int, indexes: Any) -> list[tuple[Found, bytes]]:
        began = time.process_time()
        rows = np.arange(len(devices.numbers))
        aliases = hashing.aliases(devices.keys, rows, mode, indexes)
        hits = np.flatnonzero(np.isin(aliases, wanted)).tolist()
        self._rest((time.process_time() - began) * REST_PER_WORK)
        return [
            (
                (int(devices.numbers[row]), mode, int(indexes[row])),
                int(aliases[row]).to_bytes(kinds.ALIAS_BYTES, "big"),
            )
            for row in hits
        ]


class Unresolved:
    """The gateway's own half: tries kept frames with what the resolver knows now, and lets the oldest go."""

    def __init__(
        self,
        *,
        store: Any,
        resolver: Resolver,
        acceptor: Acceptor,
        clock: Callable[[], datetime],
        searched_elsewhere: Callable[[], bool],
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._acceptor = acceptor
        self._clock = clock
        self._searched_elsewhere = searched_elsewhere
        self._owed_s = 0.0
        self._search = Search(self._owe)
        self.wake = asyncio.Event()  # there are new devices, or a new table

    async def run(self) -> None:
        """Try and search until cancelled."""
        while True:
            self.wake.clear()
            await self.trim()
            await self.retry()
            if not self._searched_elsewhere() and await self.search():
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_S):
                    await self.wake.wait()

    async def trim(self) -> int:
        """Let go of what is too old, or too much; what goes is counted."""
        async with self._store.transaction() as tx:
            gone = await tx.trim_unresolved(self._clock() - KEPT_FOR, KEPT_MOST)
            if gone:
                await tx.count("unresolved_let_go", gone)
        return gone

    async def retry(self) -> int:
        """Try every kept frame once; return how many were taken as events."""
        taken = 0
        async for page in self._pages():
            began = time.process_time()
            opened = [(row, self._resolver.open(row["frame"], row["heard_at"])) for row in page]
            self._owe((time.process_time() - began) * REST_PER_WORK)
            for row, found in opened:
                if found is not None:
                    taken += await self._take(row, found)
            await self._rest()
        return taken

    async def _take(self, row: dict[str, Any], opened: Any) -> bool:
        heard = Heard(
            bytes(row["frame"]),
            row["hub"] or None,
            row["heard_at"],
            RSSI_UNKNOWN,
            via=row["via"],
            publisher=row["publisher"],
        )
        counter = "unresolved_taken"
        try:
            result = await self._acceptor.accept_opened(heard, opened, self._clock())
        except (psycopg.DataError, ValueError, OverflowError):
            result, counter = None, "unresolved_unstorable"
        async with self._store.transaction() as tx:
            await tx.resolved(row["id"])
            await tx.count(counter)
        return result is not None and result.outcome is Outcome.COMMITTED

    async def search(self) -> bool:
        """Search one step further for frames not found so far; return whether there is more to search."""
        frames = [lost(row) async for page in self._pages() for row in page]
        step, batch = self._search.next_round(frames)
        known = self._resolver.known()
        if not batch or not known:
            return False
        devices = Devices(
            np.array([device.number for device in known], np.uint32),
            np.frombuffer(b"".join(d.keys.alias_key for d in known), np.uint8).reshape(-1, 32),
            np.array([device.looked_for_below for device in known], np.int64),
        )
        for met in self._search.look(step, batch, devices):
            for found, alias in met:
                self._resolver.look_for(alias, found)
            await self._rest()
        async with self._store.transaction() as tx:
            await tx.unresolved_searched([frame.id for frame in batch], step + 1)
        return True

    async def _pages(self) -> AsyncIterator[list[dict[str, Any]]]:
        before = 2**62
        while True:
            async with self._store.transaction() as tx:
                page = await tx.unresolved(before, PAGE)
            if not page:
                return
            yield page
            before = page[-1]["id"]
            await asyncio.sleep(PAGE_REST_S)

    def _owe(self, seconds: float) -> None:
        self._owed_s += seconds

    async def _rest(self) -> None:
        owed, self._owed_s = self._owed_s, 0.0
        await asyncio.sleep(owed)
