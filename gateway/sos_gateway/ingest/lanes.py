"""The lanes from the broker: alarms are stored at once, each on its own; what is old or lesser waits its turn."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sos_wire import kinds, topics

from ..down import Answers
from ..errors import in_a_line
from . import envelope
from .accept import EVIDENCE, Acceptor, Heard, Outcome, Told

# So many messages of hubs may be in work at once: hubs are few, a metropolitan area has some thousands.
LIVE_AT_ONCE = 16
# So many messages may wait in a lane. At the bound telemetry coalesces (waiting.py); when that does not help, no more
# are taken: aiomqtt then discards what comes, nobody receipts it, and hubs send it again from their spools.
BACKLOG_MOST = 1000

# What a newer event of the same kind makes needless when there is no room for both.
TELEMETRY = (kinds.LOW_BATTERY, kinds.TEST, kinds.POSITION, kinds.HEARTBEAT, kinds.DECOY)

log = logging.getLogger("socors.ingest")


def is_telemetry(kind: int) -> bool:
    """Whether a kind, as it is told before anything is stored, stands in no alarm's way."""
    return kind in TELEMETRY or kind <= EVIDENCE


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    said: envelope.Said | None = None  # the payload, where it was read already
    coalesced: tuple[int, ...] = ()  # the hub's numbers of frames a newer one has made needless


class Ingest:
    """Takes messages of hubs and devices, stores what is in them, says what became of it."""

    def __init__(
        self,
        *,
        store: Any,
        acceptor: Acceptor,
        answers: Answers,
        clock: Callable[[], datetime],
        publish: Callable[[str, bytes], Any],
    ) -> None:
        self._store = store
        self._acceptor = acceptor
        self._answers = answers
        self._clock = clock
        self._publish = publish
        self.refused: dict[str, int] = {}

    async def take(self, message: Message) -> None:
        """Take one message. Rubbish is counted and forgotten; a database that is away raises."""
        try:
            said = message.said or envelope.said_in(message.topic, message.payload)
        except envelope.Refused as refused:
            if refused.alarm_of is not None:
                await self._acceptor.unopened_alarm(refused.alarm_of)
            return self.refuse(refused.why)
        if isinstance(said, envelope.FromHub):
            await self._take_report(said, is_empty=not (said.frames or message.coalesced))
        for heard in self.alarms_first(said):
            await self._take_frame(said, heard)
        if message.coalesced:
            await self._note_coalesced(said, message.coalesced)
        if isinstance(said, envelope.FromHub):
            numbers = [heard.n for heard in said.frames if heard.n] + [*message.coalesced]
            await self._give_receipt(said, numbers)

    async def _take_report(self, said: envelope.FromHub, is_empty: bool) -> None:
        """Take what a hub says of itself, and of the answers it was given."""
        for written in said.written:
            await self._answers.hub_reported(written.id, said.hub, written.ok, written.via)
        if said.status or is_empty:
            async with self._store.transaction() as tx:
                await tx.touch_hub(said.hub, self._clock(), said.status)

    def alarms_first(self, said: envelope.Said) -> Sequence[envelope.HeardFrame]:
        """Return a message's frames in the order they are stored in: of what was packed together, alarms go first.

        Of a device's positions the newest goes first: those on the way there are its track, and nobody's news.
        """
        if len(said.frames) < 2:
            return said.frames
        frames = said.frames[::-1] if isinstance(said, envelope.FromDevice) else said.frames
        return sorted(frames, key=lambda heard: not self.is_urgent(said, heard))

    def is_urgent(self, said: envelope.Said, heard: envelope.HeardFrame) -> bool:
        """Whether a frame is anything but telemetry of a device we know."""
        told = self.told(said, heard)
        return told is not None and not is_telemetry(told.kind)

    def told(self, said: envelope.Said, heard: envelope.HeardFrame) -> Told | None:
        """Return what a frame tells, or None when it cannot be opened now; takes microseconds."""
        at = envelope.heard_at(heard.t, said.sent, self._clock())
        return self._acceptor.told(bytes.fromhex(heard.frame), at, said.publisher)

    async def _note_coalesced(self, said: envelope.Said, numbers: tuple[int, ...]) -> None:
        async with self._store.transaction() as tx:
            for n in numbers:
                if n:
                    await tx.record_frame(said.hub, said.spool, n, "coalesced", self._clock())
            await tx.count("coalesced", len(numbers))

    async def _take_frame(self, said: envelope.Said, heard: envelope.HeardFrame) -> None:
        result = await self._acceptor.accept(
            Heard(
                bytes.fromhex(heard.frame),
                said.hub,
                envelope.heard_at(heard.t, said.sent, self._clock()),
                heard.rssi,
                said.spool,
                heard.n,
                heard.via,
                said.publisher,
                said.is_alarm,
            )
        )
        if result.event is None:
            return
        if result.outcome is Outcome.COMMITTED and result.answer_now is None:
            self._answers.wake.set()
        elif result.answer_now is not None and not self._is_copy_of_answered_once(result):
            await self._answers.answer_again(result.event, result.answer_now, said.hub, heard.via)

    @staticmethod
    def _is_copy_of_answered_once(result: Any) -> bool:
        return result.outcome is Outcome.REPEATED and result.event.kind in (kinds.HEARTBEAT, kinds.DECOY)

    async def _give_receipt(self, said: envelope.FromHub, numbers: list[int]) -> None:
        if not numbers:
            return
        async with self._store.transaction() as tx:
            done = await tx.frames_done(said.hub, said.spool, numbers)
        if done:
            await self._publish(topics.hub(said.hub, "receipt"), envelope.receipt(said.spool, done))

    def refuse(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1
        if self.refused[why] in (1, 10, 100) or self.refused[why] % 1000 == 0:
            log.warning("refused a message: %s (%d so far)", why, self.refused[why])


async def work(queue: "asyncio.Queue[Message]", ingest: Ingest, retry_s: float = 0.5) -> None:
    """Take messages off a queue until cancelled; one the database could not store is tried until it can."""
    while True:
        message = await queue.get()
        while True:
            try:
                await ingest.take(message)
                break
            except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
                log.warning("the database is away, trying again: %s", in_a_line(error))
                await asyncio.sleep(retry_s)
            except (psycopg.DataError, ValueError, OverflowError) as error:
                # No message, whoever made it, may end the gateway or come back for ever.
                log.warning("a message of %s cannot be stored: %s", message.topic, in_a_line(error))
                ingest.refuse("unstorable")
                break
        queue.task_done()
