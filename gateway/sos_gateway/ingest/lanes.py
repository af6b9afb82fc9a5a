"""The lanes from the broker: alarms are stored at once, each on its own; what is old or lesser waits its turn."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sos_wire import kinds, topics

from ..down import Answers
from ..errors import in_a_line
from . import envelope
from .accept import Acceptor, Heard, Outcome

# So many messages of hubs may be in work at once: hubs are few, a metropolitan area has some thousands.
LIVE_AT_ONCE = 16
# How much of an old backlog may wait here. When it is full the broker waits, hubs keep their spools.
BACKLOG_MOST = 1000

log = logging.getLogger("socors.ingest")


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes


class Ingest:
    """Takes messages of hubs, stores what is in them, says what became of it."""

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
        """Take one message of a hub. Rubbish is counted and forgotten; a database that is away raises."""
        owner = topics.owner(message.topic)
        if owner is None or owner[0] != "h":
            return self.refuse("unknown_topic")
        try:
            said = envelope.read(owner[1], message.payload)
        except envelope.Refused as refused:
            return self.refuse(refused.why)
        for written in said.written:
            await self._answers.hub_reported(written.id, said.hub, written.ok)
        if said.status or not said.frames:
            async with self._store.transaction() as tx:
                await tx.touch_hub(said.hub, self._clock(), said.status)
        for heard in said.frames:
            await self._take_frame(said, heard)
        if said.frames:
            await self._give_receipt(said)

    async def _take_frame(self, said: envelope.FromHub, heard: envelope.HeardFrame) -> None:
        result = await self._acceptor.accept(
            Heard(
                bytes.fromhex(heard.frame),
                said.hub,
                envelope.heard_at(heard.t, said.sent, self._clock()),
                heard.rssi,
                said.spool,
                heard.n,
            )
        )
        if result.event is None:
            return
        if result.outcome is Outcome.COMMITTED and result.answer_now is None:
            self._answers.wake.set()
        elif result.answer_now is not None and not self._is_copy_of_answered_once(result):
            await self._answers.answer_again(result.event, result.answer_now, said.hub)

    @staticmethod
    def _is_copy_of_answered_once(result: Any) -> bool:
        return result.outcome is Outcome.REPEATED and result.event.kind in (kinds.HEARTBEAT, kinds.DECOY)

    async def _give_receipt(self, said: envelope.FromHub) -> None:
        numbers = [heard.n for heard in said.frames if heard.n]
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
