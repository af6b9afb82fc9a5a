"""Answers on their way back to devices: sealed, given to the hub that hears best and to the device itself, until felt."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sos_wire import frame as wire
from sos_wire import kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE

from .domain.models import BLE, SMS, Event, Number, Sighting
from .domain.turns import FELT_WITHIN, NEXT_HUB_AFTER, Turn, Way, next_turn
from .ingest.aliases import Resolver

# How long a hub may go on looking for the device. Short: whenever the device is heard again, its answers fall due.
HUB_TRIES_FOR = timedelta(seconds=3)
# A text message may wait for the network, and the stick for its turn.
SMS_TRIES_FOR = timedelta(minutes=5)
SIGHTINGS_SINCE = timedelta(minutes=15)
# A modem stays where it was heard: its topic and its number go on being its own, unlike a hub's reach.
LAST_HEARD_SINCE = timedelta(hours=24)
# The same one-off answer is not sent again within this time: three hubs hear one burst.
ONCE_WITHIN_S = 1.0
POLL_S = 0.5

log = logging.getLogger("socors.down")


@dataclass(frozen=True, slots=True)
class Answer:
    """A sealed answer on its way: to a hub (look for these aliases, write this frame, give up at `until`) or, where
    `hub` is None, to the topic of the device itself, which gets the frame alone.

    The state is sealed in the frame; a hub that texts must tell a new one from a repetition, for each text is paid for.
    """

    hub: str | None
    id: int
    aliases: list[bytes]
    frame: bytes
    until: datetime
    state: int
    device: int = 0
    via: str = BLE


Send = Callable[[Answer], Awaitable[None]]


class Answers:
    """Chooses hubs and repeats; any process may carry any row."""

    def __init__(self, *, store: Any, resolver: Resolver, clock: Callable[[], datetime], send: Send) -> None:
        self._store = store
        self._resolver = resolver
        self._clock = clock
        self._send = send
        self._answered: dict[tuple[Number, int, str], datetime] = {}
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Carry what is due until cancelled."""
        while True:
            self.wake.clear()
            sent, next_at = await self.carry_due()
            if sent:
                continue
            wait = POLL_S
            if next_at is not None:
                wait = min(POLL_S, max(0.0, (next_at - self._clock()).total_seconds()))
            # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.wake.wait()

    async def carry_due(self, limit: int = 32) -> tuple[int, datetime | None]:
        """Send every row that is due once; return how many, and when the next falls due."""
        now = self._clock()
        turns: list[Turn] = []
        async with self._store.transaction() as tx:
            for row in await tx.claim_downs(now, now + NEXT_HUB_AFTER, limit):
                hubs = ranked(await tx.recent_sightings(row.device, now - SIGHTINGS_SINCE))
                last = await tx.last_heard(row.device, now - LAST_HEARD_SINCE)
                turns.append(next_turn(row, hubs, last, now))
                await tx.set_down_turn(turns[-1].row)
            next_at = await tx.next_down(now)
        # After the commit: while a slow broker takes them, no alarm of these devices may wait for their rows.
        for row, ways in turns:
            for way in ways:
                await self._give(way, row.id, Number(row.device, row.ref_boot, row.ref_seq), row.state, now)
        return len(turns), next_at

    async def answer_again(self, event: Event, state: int, hub: str | None, via: str = BLE) -> None:
        """Answer a copy with the present state. Where a row still waits for `felt`, the row does it, and at once."""
        now = self._clock()
        async with self._store.transaction() as tx:
            row = await tx.down_of(event.number)
            waits = row is not None and row.felt_at is None and row.until_at > now
            # One that rests is due: who sends again is awake now, and may not be when its turn comes.
            if row is not None and waits and (via != BLE or row.next_at > now + FELT_WITHIN):
                await tx.set_down_due(row.id, now)
                self.wake.set()
        if not waits:
            await self.answer_once(event.number, state, hub, via)

    async def answer_once(self, number: Number, state: int, hub: str | None, via: str = BLE) -> None:
        """Send one answer without a row, as heartbeats, decoys and `felt` get it; never by text message."""
        now = self._clock()
        last = self._answered.get((number, state, via))
        if (
            via == SMS
            or (via == BLE and hub is None)
            or (last and (now - last).total_seconds() < ONCE_WITHIN_S)
        ):
            return
        if len(self._answered) > 10_000:
            self._answered = {
                key: at for key, at in self._answered.items() if (now - at).total_seconds() < ONCE_WITHIN_S
            }
        self._answered[(number, state, via)] = now
        if via == BLE:
            async with self._store.transaction() as tx:
                order = ranked(await tx.recent_sightings(number.device, now - timedelta(seconds=2)))
            hub = order[0] if order else hub
        await self._give(Way(via, hub if via == BLE else None), 0, number, state, now)

    async def _give(self, way: Way, row_id: int, number: Number, state: int, now: datetime) -> None:
        frame, aliases = self.seal(number, state, now)
        if frame is None:
            return
        until = now + (SMS_TRIES_FOR if way.via == SMS else HUB_TRIES_FOR)
        await self._send(Answer(way.hub, row_id, aliases, frame, until, state, number.device, way.via))

    def seal(self, number: Number, state: int, now: datetime) -> tuple[bytes | None, list[bytes]]:
        """Return (frame, aliases to look for) of an answer; None for a device that is no longer known."""
        device = self._resolver.device(number.device)
        if device is None:
            return None, []
        unix_s = int(now.timestamp())
        if device.clock_set_at is None:
            alias = device.keys.alias(RECOVERY_MODE, device.recovery_index)
        else:
            alias = device.keys.alias(CLOCK_MODE, times.alias_index(unix_s))
        body = wire.encode_down(wire.Down(number.boot, number.seq, state, 0, unix_s))
        frame = device.keys.seal_down(alias, kinds.FORM_SHORT, body)
        return frame, self._resolver.present_aliases(number.device, now)

    async def hub_reported(self, row_id: int, hub: str, ok: bool, via: str = BLE) -> None:
        """A hub says whether it wrote the frame. Success gives the device time to say `felt`; failure calls the next."""
        if not row_id:
            return
        now = self._clock()
        if via == SMS:
            return await self._text_reported(row_id, hub, ok, now)
        async with self._store.transaction() as tx:
            next_at = now + (FELT_WITHIN if ok else timedelta())
            await tx.down_reported(row_id, hub, now - SIGHTINGS_SINCE, next_at)
        if not ok:
            self.wake.set()

    async def _text_reported(self, row_id: int, hub: str, ok: bool, now: datetime) -> None:
        """A text that went is on its way, for minutes perhaps; one that could not be sent is sent another time."""
        if not ok:
            async with self._store.transaction() as tx:
                await tx.text_failed(row_id, hub, now - LAST_HEARD_SINCE)


def ranked(sightings: list[Sighting]) -> list[str]:
    """Return the hubs that heard the newest event, strongest first, then those that heard earlier ones."""
    best: dict[str, tuple[float, int]] = {}
    for seen in sightings:
        rank = (seen.heard_at.timestamp() // 5, seen.rssi)
        if seen.hub not in best or rank > best[seen.hub]:
            best[seen.hub] = rank
    return sorted(best, key=lambda hub: best[hub], reverse=True)
