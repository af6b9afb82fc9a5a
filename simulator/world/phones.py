"""The SMS centre between telephones: store and forward, with delay, loss, doubling and disorder by seed."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

# A telephone takes a text by returning anything but False: then it has no room, and the centre keeps the text.
Receive = Callable[[str, str], "bool | None"]

# Assumed: the path of one text is some seconds on a quiet network, and two texts overtake one another by as much. Nobody
# promises anything about it (3GPP TS 23.040 knows validity periods of minutes to weeks and no delay).
SUBMIT_US = (400_000, 1_500_000)  # until the sender's modem says +CMGS
DELIVER_US = (1_500_000, 6_000_000)  # from there to the recipient
# Who has no room or is not on the network is tried again so often. Real centres wait minutes, or for the telephone's
# "memory available" (TS 23.040, 3.2.7); tests scale it.
AGAIN_US = 5_000_000
# A centre that nobody ever empties forgets the oldest, as a validity period does.
MOST_WAITING = 1000


class Scheduler(Protocol):
    """A clock, virtual or real, that calls back."""

    def after(self, us: int, do: Callable[[], object]) -> object: ...


class LoopScheduler:
    """The real clock: microseconds of the monotonic one, calls from the running loop."""

    def now_us(self) -> int:
        return time.monotonic_ns() // 1000

    def after(self, us: int, do: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(us / 1e6, do)


@dataclass
class Weather:
    """What becomes of texts, settable at any time. Shares are of texts; scale 0 leaves out every delay."""

    loss: float = 0.0
    doubled: float = 0.0
    refused: float = 0.0  # the centre does not take it, and the sender is told
    scale: float = 1.0


class SmsCentre:
    """Takes texts from any sender, keeps each until its recipient takes it."""

    def __init__(self, scheduler: Scheduler, chance: random.Random) -> None:
        self._scheduler = scheduler
        self._chance = chance
        self.weather = Weather()
        self._telephones: dict[str, Receive] = {}
        self._waiting: dict[str, deque[tuple[str, str]]] = {}
        self._trying: set[str] = set()
        self.taken = 0  # texts the centre has taken from senders

    def attach(self, number: str, receive: Receive) -> None:
        """Register a telephone: what waited for it comes now."""
        self._telephones[number] = receive
        self._try(number)

    def detach(self, number: str) -> None:
        """The telephone is off, or out of reach: its texts wait."""
        self._telephones.pop(number, None)

    def waiting(self, number: str) -> int:
        """Return how many texts wait because the telephone is away or full."""
        return len(self._waiting.get(number, ()))

    def send(self, sender: str, recipient: str, text: str, done: Callable[[bool], None]) -> None:
        """Take a text; `done` says later whether the centre has it, which is not that it arrives."""
        taken = self._chance.random() >= self.weather.refused
        self._after(SUBMIT_US, lambda: self._submitted(taken, sender, recipient, text, done))

    def _submitted(
        self, taken: bool, sender: str, recipient: str, text: str, done: Callable[[bool], None]
    ) -> None:
        if taken:
            self.taken += 1
            lost = self._chance.random() < self.weather.loss
            copies = 0 if lost else 1 + (self._chance.random() < self.weather.doubled)
            for _ in range(copies):
                self._after(DELIVER_US, lambda: self._deliver(sender, recipient, text))
        done(taken)

    def _after(self, between_us: tuple[int, int], do: Callable[[], object]) -> None:
        self._scheduler.after(round(self._chance.randint(*between_us) * self.weather.scale), do)

    def _deliver(self, sender: str, recipient: str, text: str) -> None:
        queue = self._waiting.setdefault(recipient, deque(maxlen=MOST_WAITING))
        queue.append((sender, text))
        self._try(recipient)

    def _try(self, number: str) -> None:
        """Hand over what waits, until the telephone has no room."""
        receive, queue = self._telephones.get(number), self._waiting.get(number)
        while receive and queue:
            if receive(*queue[0]) is False:
                self._try_again(number)
                return
            queue.popleft()

    def _try_again(self, number: str) -> None:
        if number not in self._trying:
            self._trying.add(number)
            # Never at once, whatever the scale: a full telephone would keep a virtual clock from moving.
            us = max(100_000, round(AGAIN_US * self.weather.scale))
            self._scheduler.after(us, lambda: self._tried(number))

    def _tried(self, number: str) -> None:
        self._trying.discard(number)
        self._try(number)
