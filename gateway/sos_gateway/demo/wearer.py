"""The wearer's side of the demo: presses buttons of simulated pendants and notes what their motors do.

Everything is seen at the pins: a press is the button's pin going down, a feeling is the motor's pin going up.
"""

import asyncio
import contextlib
import itertools
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

# A pattern has ended when the motor has been still for longer than any gap inside a pattern (120 ms).
STILL_NS = 300_000_000
# ... unless what it said so far reads badly: on a busy machine a gap inside a pattern may be as long as this.
BUSY_STILL_NS = 1_000_000_000
READS_WELL_MS = 40  # so much longer than it should be a pulse may be
# What each pattern is made of: (pulses, milliseconds of each). The firmware's own table is in tasks/signals.py; a test
# compares them.
PATTERNS = {
    (1, 60): "pending",
    (1, 30): "tick",
    (3, 120): "accepted",  # before received: of five equal pulses the last three are it, for states only rise
    (2, 120): "received",
    (1, 600): "closed",
    (1, 300): "cancelled",
    (5, 60): "unreachable",
    (3, 200): "countdown",
}
# What the light shows with each, red, green, blue: on a busy machine it tells more than any length.
COLOURS = {
    "pending": "110",
    "tick": "000",
    "accepted": "010",
    "received": "001",
    "closed": "111",
    "cancelled": "111",
    "unreachable": "100",
    "countdown": "110",
}
LIGHTS = ("light_red", "light_green", "light_blue")
# The stillness between two pulses of one pattern; what follows sooner is another pattern.
GAPS_MS = {60: 60, 120: 120, 200: 100}
EARLY_MS = 3  # clocks are read in whole milliseconds on both sides
PATTERN_COST_MS = 5  # five pulses are one pattern of five, not five of one
CUT_COST_MS = 2000  # any pattern explains better than none


@dataclass
class Felt:
    """One vibration pattern; t_ns is the rise of its first pulse on the monotonic clock."""

    name: str
    t_ns: int
    pulses_ms: list[int]


@dataclass
class Pulse:
    up_ns: int
    down_ns: int
    colour: str = ""  # of the light as the motor went up; empty: not seen

    @property
    def ms(self) -> int:
        return round((self.down_ns - self.up_ns) / 1e6)


@dataclass
class Motor:
    """Turns the edges of one motor pin into patterns."""

    up_ns: int | None = None
    pulses: list[Pulse] = field(default_factory=list)
    light: dict[str, bool] = field(default_factory=dict)
    _colour: str = ""

    def shine(self, light: str, on: bool) -> None:
        """One of the light's three pins goes on or off."""
        self.light[light] = on

    def edge(self, on: bool, t_ns: int) -> list[Felt]:
        """Take one edge; return the patterns that ended before it."""
        ended = self.still(t_ns) if on else []
        if on:
            self.up_ns = t_ns
            self._colour = (
                "".join(str(int(self.light.get(name, False))) for name in LIGHTS) if self.light else ""
            )
        elif self.up_ns is not None:
            self.pulses.append(Pulse(self.up_ns, t_ns, self._colour))
            self.up_ns = None
        return ended

    def still(self, now_ns: int) -> list[Felt]:
        """Return the patterns that are over by now."""
        if not self.pulses or self.up_ns is not None:
            return []
        still_ns = now_ns - self.pulses[-1].down_ns
        if still_ns < STILL_NS or (still_ns < BUSY_STILL_NS and not _reads_well(self.pulses)):
            return []
        pulses, self.pulses = self.pulses, []
        return named(pulses)


def named(pulses: list[Pulse]) -> list[Felt]:
    """Read a row of pulses as the patterns that explain it best.

    On a busy machine a pulse is longer than it should be, never shorter, unless the next pattern cut it short: of all
    ways to read the row the one with the least excess is taken, and a cut pulse explains itself only where none else does.
    """
    best: list[tuple[float, list[Felt]]] = [(0.0, [])]
    for end in range(1, len(pulses) + 1):
        cost, before = best[end - 1]
        cut = pulses[end - 1]
        ways = [(cost + CUT_COST_MS, [*before, Felt(f"cut short: {cut.ms}", cut.up_ns, [cut.ms])])]
        for (count, length_ms), name in PATTERNS.items():
            run = pulses[max(0, end - count) : end]
            if len(run) == count and _may_be(run, length_ms, COLOURS[name]):
                cost, before = best[end - count]
                excess = sum(abs(pulse.ms - length_ms) for pulse in run)
                ways.append(
                    (
                        cost + excess + PATTERN_COST_MS,
                        [*before, Felt(name, run[0].up_ns, [p.ms for p in run])],
                    )
                )
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


def _reads_well(pulses: list[Pulse]) -> bool:
    """Whether every pulse is about as long as its pattern wants it."""
    lengths = {name: length_ms for (_, length_ms), name in PATTERNS.items()}
    return all(
        ms - lengths.get(felt.name, 0) <= READS_WELL_MS for felt in named(pulses) for ms in felt.pulses_ms
    )


def _may_be(run: list[Pulse], length_ms: int, colour: str) -> bool:
    """Whether pulses can be one pattern: its colour, and neither a pulse nor a gap shorter than it should be."""
    if any(pulse.colour not in ("", colour) for pulse in run):
        return False
    gaps = [(after.up_ns - pulse.down_ns) / 1e6 for pulse, after in itertools.pairwise(run)]
    return all(pulse.ms >= length_ms - EARLY_MS for pulse in run) and all(
        gap >= GAPS_MS[length_ms] - EARLY_MS for gap in gaps
    )


class Wearers:
    """All simulated pendants through the simulator's control address."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=30)
        self._motors: dict[int, Motor] = defaultdict(Motor)
        self._felt: dict[int, list[Felt]] = defaultdict(list)
        self._changed: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.button_down_ns: dict[int, int] = {}
        self._held: set[int] = set()
        self.motor_up_ns: dict[int, int] = {}  # the last time each motor began to turn

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, path: str, body: dict | None = None) -> dict:
        answer = await self._client.post(path, json=body or {})
        answer.raise_for_status()
        return answer.json()

    async def get(self, path: str) -> Any:
        answer = await self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    async def _events(self) -> AsyncIterator[dict]:
        async with self._client.stream("GET", "/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])

    async def listen(self, ready: asyncio.Event) -> None:
        """Follow every pin until cancelled."""
        async for event in self._events():
            ready.set()
            if "device" not in event:
                continue  # the stream's first word
            device = event["device"]
            if event["what"] == "button":
                self._touched(device, bool(event["value"]), event["t_ns"])
            elif event["what"] in LIGHTS:
                self._motors[device].shine(event["what"], bool(event["value"]))
            elif event["what"] == "motor":
                if event["value"]:
                    self.motor_up_ns[device] = event["t_ns"]
                self._note(device, self._motors[device].edge(bool(event["value"]), event["t_ns"]))

    def _touched(self, device: int, down: bool, t_ns: int) -> None:
        if down:
            self.button_down_ns[device] = t_ns
            self._held.add(device)
        else:
            self._held.discard(device)
        self._changed[device].set()

    async def wait_let_go(self, device: int, timeout_s: float) -> None:
        """Wait until nobody holds the button of a device: a click made on top of a hold is none."""
        try:
            async with asyncio.timeout(timeout_s):
                while device in self._held:
                    self._changed[device].clear()
                    await self._changed[device].wait()
        except TimeoutError:
            raise TimeoutError(f"the button of device {device} was held for {timeout_s:g} s") from None

    def _note(self, device: int, felt: list[Felt]) -> None:
        if felt:
            self._felt[device] += felt
            self._changed[device].set()

    def felt_since(self, device: int, t_ns: int) -> list[Felt]:
        return [felt for felt in self._felt[device][-20:] if felt.t_ns >= t_ns]

    def count_felt(self, name: str) -> dict[int, int]:
        return {n: sum(f.name == name for f in patterns) for n, patterns in self._felt.items()}

    async def wait_felt(self, device: int, name: str, since_ns: int, timeout_s: float) -> Felt:
        """Wait until the wearer of a device has felt a pattern; raises TimeoutError that says what was felt instead."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self._changed[device].clear()
            # The end of a pattern is a silence, which no edge announces.
            self._note(device, self._motors[device].still(time.monotonic_ns()))
            for felt in self.felt_since(device, since_ns):
                if felt.name == name:
                    return felt
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed[device].wait(), 0.2)
        instead = ", ".join(f"{felt.name} {felt.pulses_ms}" for felt in self.felt_since(device, since_ns))
        instead = f"{instead} (pulses in ms)" if instead else "nothing"
        raise TimeoutError(f"device {device} did not feel *{name}* within {timeout_s:g} s; it felt {instead}")
