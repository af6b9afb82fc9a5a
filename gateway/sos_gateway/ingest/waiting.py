"""What waits in a lane: alarms overtake, telemetry coalesces to the newest per device and kind when there is no room."""

import asyncio
from collections import deque
from dataclasses import replace
from typing import Protocol

from sos_wire import topics

from . import envelope
from .accept import Told
from .lanes import LIVE_AT_ONCE, Message, is_telemetry

DEVICES = f"{topics.ROOT}/d/"
NOT_OPENED = -1  # the place of a kind, for a device's frames that nobody can open


class Sorter(Protocol):
    """Tells what is in a frame, before anything is stored."""

    def is_urgent(self, said: envelope.Said, heard: envelope.HeardFrame) -> bool: ...
    def told(self, said: envelope.Said, heard: envelope.HeardFrame) -> Told | None: ...


class Waiting(asyncio.Queue[Message]):
    """A bounded queue in two rows: messages with anything but telemetry in them, and the rest."""

    def __init__(self, most: int, sorter: Sorter) -> None:
        self._sorter = sorter
        self._urgent: deque[Message] = deque()
        self._rest: deque[Message] = deque()
        self._unread = 0  # of the rest, so many have not been looked into
        # Telemetry at the bound is gone through once for every so many new messages, not for each.
        self._coalesce_again = 0
        super().__init__(most)

    def qsize(self) -> int:
        return len(self._urgent) + len(self._rest)

    def empty(self) -> bool:
        return not self.qsize()

    def _init(self, maxsize: int) -> None:
        """The rows are made before the queue is."""

    def _get(self) -> Message:
        return self._urgent.popleft() if self._urgent else self._rest.popleft()

    def _put(self, item: Message) -> None:
        if self.qsize() < LIVE_AT_ONCE:  # somebody is about to take it anyway
            self._unread += 1
            return self._rest.append(item)
        if self._unread:
            # Nobody took them at once: an alarm among them must not wait while others overtake it.
            self._unread, waiting, self._rest = 0, self._rest, deque()
            for message in waiting:
                self._sort_in(read(message))
        return self._sort_in(read(item))

    def _sort_in(self, item: Message) -> None:
        urgent = item.said is not None and any(self._sorter.is_urgent(item.said, f) for f in item.said.frames)
        (self._urgent if urgent else self._rest).append(item)

    async def take_in(self, message: Message) -> None:
        """Put a message in its row, making room where telemetry gives any; else wait until there is some."""
        self._coalesce_again = max(0, self._coalesce_again - 1)
        if self.full() and not self._coalesce_again:
            self.coalesce()
            self._coalesce_again = self.maxsize // 10
        await self.put(message)

    def coalesce(self) -> None:
        """Keep, of all telemetry that waits, the newest of each device and kind; the rest is receipted unread.

        Of what a device publishes and its keys do not open, one is kept: it says all that a thousand would, and whoever
        has stolen a device's log-in must not fill the lane of everybody's alarms.
        """
        messages = _without_doubles([read(message) for message in self._rest])
        newest: dict[tuple[int, int], tuple[int, int]] = {}
        telemetry: dict[int, Told] = {}
        for message in messages:
            if message.said is None:
                continue
            for frame in message.said.frames:
                told = self._sorter.told(message.said, frame)
                if told is None and message.said.publisher is not None:
                    told = Told(message.said.publisher, NOT_OPENED, (0, 0))
                if told is not None and (is_telemetry(told.kind) or told.kind == NOT_OPENED):
                    telemetry[id(frame)] = told
                    key = (told.device, told.kind)
                    newest[key] = max(told.order, newest.get(key, told.order))
        self._rest = deque(_without_older(messages, telemetry, newest))


def read(message: Message) -> Message:
    """Return the message with its payload read; one that cannot be read stays as it is, and is refused in its turn."""
    if message.said is not None:
        return message
    try:
        return replace(message, said=envelope.said_in(message.topic, message.payload))
    except envelope.Refused:
        return message


def _without_doubles(messages: list[Message]) -> list[Message]:
    """Return the messages without those of devices that cannot be read, but one of each topic to be refused.

    What hubs say is counted each time: their log-ins are the operator's own.
    """
    unread = {m.topic: m for m in messages if m.said is None and m.topic.startswith(DEVICES)}
    return [m for m in messages if m.said is not None or unread.get(m.topic, m) is m]


def _without_older(
    messages: list[Message], telemetry: dict[int, Told], newest: dict[tuple[int, int], tuple[int, int]]
) -> list[Message]:
    kept: list[Message] = []
    needless: dict[tuple[str, str], Message] = {}
    taken: set[tuple[int, int]] = set()
    for message in messages:
        said = message.said
        if said is None:
            kept.append(message)
            continue
        frames, gone = [], [*message.coalesced]
        for frame in said.frames:
            told = telemetry.get(id(frame))
            if told is not None:
                key = (told.device, told.kind)
                if told.order != newest[key] or key in taken:
                    gone.append(frame.n)
                    continue
                taken.add(key)
            frames.append(frame)
        if frames or said.written or said.status:
            said = said.model_copy(update={"frames": frames})
            kept.append(replace(message, said=said, coalesced=tuple(gone)))
            continue
        # Nothing is left of it but numbers: one message a spool carries them all.
        first = needless.get(said.source)
        said = said.model_copy(update={"frames": []})
        all_gone = (*(first.coalesced if first else ()), *gone)
        needless[said.source] = replace(message, said=said, coalesced=all_gone)
    return [*kept, *needless.values()]
