"""A modem on a bench: a clock that only we move, a broker in memory, and a host that says AT."""

import heapq
import random

from simulator.chips.sim7080g import Failure, Identity, Sim7080g
from simulator.world.sky import Sky

NOW = 1_790_000_000.0  # a day in 2026


class Clock:
    """Virtual time."""

    def __init__(self):
        self.t_us = 1_000_000
        self._heap = []
        self._number = 0

    def now_us(self):
        return self.t_us

    def after(self, us, do):
        self._number += 1
        heapq.heappush(self._heap, (self.t_us + us, self._number, do))

    def run(self, seconds):
        end = self.t_us + round(seconds * 1e6)
        while self._heap and self._heap[0][0] <= end:
            self.t_us, _, do = heapq.heappop(self._heap)
            do()
        self.t_us = end

    def until(self, holds, within_s=300):
        end = self.t_us + round(within_s * 1e6)
        while not holds():
            assert self._heap and self._heap[0][0] <= end, "it never came to hold"
            self.t_us, _, do = heapq.heappop(self._heap)
            do()


class MemoryLine:
    """A broker that has everything in memory; what it is asked for is kept."""

    def __init__(self):
        self.on_message = lambda topic, payload: None
        self.on_lost = lambda: None
        self.failure: Failure | None = None
        self.wanted = []
        self.published = []
        self.topics = set()
        self.open = False
        self.silent = False  # takes publishes and never answers

    def connect(self, want, done):
        self.wanted.append(want)
        self.open = self.failure is None
        done(self.failure)

    def probe(self, want, done):
        self.wanted.append(want)
        done(self.failure)

    def publish(self, topic, payload, qos, retain, done):
        self.published.append((topic, payload, qos, retain))
        if self.silent:
            return
        done(True)
        if topic in self.topics:
            self.on_message(topic, payload)

    def subscribe(self, topic, qos, done):
        self.topics.add(topic)
        done(True)

    def unsubscribe(self, topic, done):
        self.topics.discard(topic)
        done(True)

    def disconnect(self):
        self.open = False

    def drop(self):
        self.open = False


class Post:
    """An SMS centre that hands over at once."""

    def __init__(self):
        self.phones = {}
        self.sent = []

    def attach(self, number, receive):
        self.phones[number] = receive

    def send(self, sender, recipient, text, done):
        self.sent.append((sender, recipient, text))
        done(True)


class Bench:
    """One modem with all that hangs on it. `heard` is everything it ever said."""

    def __init__(self, scale=0.0, seed=1, **identity):
        self.clock = Clock()
        self.line, self.post = MemoryLine(), Post()
        self.sky = Sky(random.Random(seed))
        self.loads = []
        self.heard = b""
        self.modem = Sim7080g(
            self.clock,
            self._hear,
            self.line,
            self.sky,
            self.post,
            Identity(**identity),
            lambda load, on: self.loads.append((load, on)),
            chance=random.Random(seed),
            unix_s=lambda: NOW + self.clock.t_us / 1e6,
            scale=scale,
        )

    def _hear(self, data):
        self.heard += data

    def take(self):
        """Return what was said since the last time."""
        heard, self.heard = self.heard, b""
        return heard

    def press(self, seconds=1.5):
        self.modem.pwrkey(True)
        self.clock.run(seconds)
        self.modem.pwrkey(False)

    def boot(self):
        """Rail, key, and the line found: ready for commands, echo off, errors in words."""
        self.modem.rail(True)
        self.clock.run(3)
        self.press()
        self.clock.run(10)
        for _ in range(3):
            self.modem.receive(b"AT\r")
            self.clock.run(1)
        self.take()
        assert self.ask("ATE0;+CMEE=2").endswith("OK")
        self.take()
        return self

    def say(self, text, seconds=1.0):
        """Write a line; return everything said within a time, as text."""
        self.take()
        self.modem.receive(text.encode() + b"\r")
        self.clock.run(seconds)
        return self.take().decode("latin-1")

    def ask(self, text, within_s=90.0):
        """Write a line and wait for its final result; return the lines without blanks, joined by |."""
        self.take()
        self.modem.receive(text.encode() + b"\r")
        self.clock.until(lambda: not self.modem.busy and not self._pending() and self.heard, within_s)
        return self._lines()

    def _pending(self):
        return bool(self.modem._in or self.modem._out)

    def _lines(self):
        return "|".join(line for line in self.take().decode("latin-1").splitlines() if line.strip())

    def data(self, data, within_s=90.0):
        """Give the bytes that were prompted for."""
        self.take()
        self.modem.receive(data)
        self.clock.until(lambda: not self.modem.busy and not self._pending(), within_s)
        return self._lines()

    def prompt(self, text):
        """Write a line that ends in a prompt."""
        self.take()
        self.modem.receive(text.encode() + b"\r")
        self.clock.until(lambda: b">" in self.heard or b"DOWNLOAD" in self.heard)
        return self.take()

    def attach(self):
        """Registered, with an address."""
        self.clock.until(lambda: self.modem.radio.on_air)
        assert self.ask('AT+CNCFG=0,1,"internet"') == "OK"
        assert self.ask("AT+CNACT=0,1").startswith("OK")
        self.clock.until(lambda: self.modem.packet.active)
        self.clock.run(0.1)
        self.take()
        return self

    def connect(self):
        """MQTT is up."""
        self.attach()
        assert self.ask('AT+SMCONF="URL","broker.example",1883') == "OK"
        assert self.ask("AT+SMCONN") == "OK"
        return self
