"""What has happened to the pins, kept for a while: a page whose connection was cut misses nothing when it comes back."""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

# A press with everything that follows moves about 60 pins; fourteen pendants at once leave minutes of room.
MOST_KEPT = 20_000


class Feed:
    """Numbered events, newest last. Followers read at their own pace and hold up nobody."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=MOST_KEPT)
        self._last = 0
        self._more = asyncio.Event()
        # A number of an earlier life of this process means nothing now.
        self._life = secrets.token_hex(4)

    def add(self, event: dict[str, Any]) -> None:
        self._kept.append(event)
        self._last += 1
        self._more.set()
        self._more = asyncio.Event()

    def _place(self, last_event_id: str | None) -> int:
        """Return the number after which to go on; the present one for who has heard nothing of this life."""
        life, _, number = (last_event_id or "").partition("-")
        if life == self._life and number.isdigit() and self._oldest() <= int(number) + 1 <= self._last + 1:
            return int(number)
        return self._last

    def _oldest(self) -> int:
        return self._last - len(self._kept) + 1

    def _hello(self, place: int) -> dict[str, str]:
        """Whoever reads this asks for every device's state; `t_ns` is the clock the events are stamped with."""
        data = json.dumps({"t_ns": time.monotonic_ns()})
        return {"event": "hello", "id": f"{self._life}-{place}", "data": data}

    async def follow(self, last_event_id: str | None = None) -> AsyncIterator[dict[str, str]]:
        """Yield a greeting, what was missed since the event named, then whatever happens."""
        place = self._place(last_event_id)
        yield self._hello(place)
        while True:
            more = self._more
            while place < self._last:
                if place + 1 < self._oldest():  # so far behind that events are gone: begin again
                    place = self._last
                    yield self._hello(place)
                    continue
                event = self._kept[place + 1 - self._oldest()]
                place += 1
                yield {"event": "pin", "id": f"{self._life}-{place}", "data": json.dumps(event)}
            await more.wait()
