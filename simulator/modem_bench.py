"""A bench for the modem's driver: real MicroPython on one end of the cable, the emulated modem on the other, virtual time.

Nothing else of the firmware runs. Whoever holds the bench orders one method of the driver after the other, and may break
the modem meanwhile; while the firmware waits, the clock jumps.
"""

import heapq
import json
import random
import socket
import subprocess
from collections.abc import Callable
from typing import Any, NamedTuple

from .chips.sim7080g import Failure, Identity, Sim7080g
from .chips.sim7080g.line import Broker
from .world import firmware
from .world.phones import SmsCentre
from .world.sky import Sky

DEVICE = 2001
NOW_S = 1_790_000_000  # a day in 2026
TOPIC = f"socors/v1/d/{DEVICE}/alarm"
DOWN = f"socors/v1/d/{DEVICE}/down"
NETWORK = {
    "apn": "internet",
    "apn_user": "",
    "apn_password": "",
    "sim_pin": "",
    "host": "broker.example",
    "port": 8883,
    "user": f"device-{DEVICE}",
    "password": "correct horse",
    "ca": "-----BEGIN CERTIFICATE-----\n"
    + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0MTI=\n" * 30
    + "-----END CERTIFICATE-----\n",
    "sms_to": "+34600000002",
}
# The ESP32's UART interrupts when 120 bytes have come, or none for about ten characters' time.
UART_FULL_BYTES = 120
UART_PAUSE_US = 870
FOR_EVER_US = 1 << 62
HANG_S = 60  # of the host's time: a firmware that says nothing for so long has hung


class Clock:
    """Virtual time, moved by whoever has nothing else to do."""

    def __init__(self) -> None:
        self.t_us = 0
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0

    def now_us(self) -> int:
        return self.t_us

    def after(self, us: int, do: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.t_us + us, self._number, do))

    def run(self, end_us: int, heard: Callable[[], int]) -> None:
        """Let time pass to an end, or until the UART has something to say: when it pauses, or its FIFO is full."""
        while self._heap and self._heap[0][0] <= end_us:
            count = heard()
            if count and (count >= UART_FULL_BYTES or self._heap[0][0] > self.t_us + UART_PAUSE_US):
                return
            self.t_us, _, do = heapq.heappop(self._heap)
            do()
        if not heard():
            self.t_us = end_us


class BenchBroker:
    """A broker as the modem's MQTT line sees it, which lets in one device and knows all that has ever reached it."""

    def __init__(self) -> None:
        self.on_message: Callable[[str, bytes], None] = lambda topic, payload: None
        self.on_lost: Callable[[], None] = lambda: None
        self.arrived: list[tuple[str, bytes, int, bool]] = []
        self.wanted: list[Broker] = []
        self.topics: set[str] = set()
        self.password: str = str(NETWORK["password"])
        self.authority: str = str(NETWORK["ca"])
        self.silent = False  # takes publishes and never answers
        self.failure: Failure | None = None  # of every connection

    def connect(self, want: Broker, done: Callable[[Failure | None], None]) -> None:
        self.topics.clear()
        failure = self._judge(want)
        if failure is None and (want.user, want.password) != (NETWORK["user"], self.password):
            failure = Failure("credentials")
        done(failure)

    def probe(self, want: Broker, done: Callable[[Failure | None], None]) -> None:
        done(self._judge(want))

    def _judge(self, want: Broker) -> Failure | None:
        self.wanted.append(want)
        if self.failure is not None or (want.host, want.port) != (NETWORK["host"], NETWORK["port"]):
            return self.failure or Failure("unreachable")
        trusts = want.ca_pem is not None and want.ca_pem.decode() == self.authority
        if want.tls and not trusts:
            return Failure("untrusted")
        return Failure("expired") if want.tls and abs(want.now - NOW_S) > 86_400 * 30 else None

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, done: Callable[[bool], None]
    ) -> None:
        if not self.silent:
            self.arrived.append((topic, payload, qos, retain))
            done(True)

    def subscribe(self, topic: str, qos: int, done: Callable[[bool], None]) -> None:
        self.topics.add(topic)
        done(True)

    def unsubscribe(self, topic: str, done: Callable[[bool], None]) -> None:
        self.topics.discard(topic)
        done(True)

    def send(self, payload: bytes) -> None:
        """Publish to the device's own topic, if it listens there."""
        if DOWN in self.topics:
            self.on_message(DOWN, payload)

    def disconnect(self) -> None:
        self.topics.clear()

    def drop(self) -> None:
        self.topics.clear()


class Answer(NamedTuple):
    """What one method came to."""

    value: Any
    fault: int  # a bit of kinds.FAULT_*, or 0
    text: str
    took_ms: int
    state: str


class ModemBench:
    """One modem, one driver's process. Use as a context."""

    def __init__(self, seed: int = 1, scale: float = 0.0, **network: Any) -> None:
        self.clock = Clock()
        self.broker = BenchBroker()
        self.phones = SmsCentre(self.clock, random.Random(f"phones {seed}"))
        self.sky = Sky(random.Random(f"sky {seed}"))
        self.identity = Identity.of(DEVICE)
        self.modem = Sim7080g(
            self.clock,
            self._hear,
            self.broker,
            self.sky,
            self.phones,
            self.identity,
            lambda load, on: None,
            chance=random.Random(f"modem {seed}"),
            unix_s=lambda: NOW_S + self.clock.t_us / 1e6,
            scale=scale,
        )
        self.told: list[tuple[str, Any]] = []  # down, sms, lost, late, log: as they came
        self.pins: list[tuple[str, bool]] = []
        self.said = bytearray()  # everything the driver wrote
        self._network = {**NETWORK, **network}
        self._heard = b""

    def __enter__(self) -> "ModemBench":
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.settimeout(HANG_S)
            host, port = door.getsockname()
            self._process = subprocess.Popen(
                firmware.command("_modem_bench.py", "watch"),
                env=firmware.environment(f"{host}:{port}", DEVICE, firmware.ROOT, "virtual", "watch"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self._cable, _ = door.accept()
        self._cable.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._cable.settimeout(HANG_S)
        self._lines = self._cable.makefile("rb")
        self._asks: dict[str, Any] = self._pump()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._cable.close()
        self._process.kill()
        self._process.communicate()

    def call(self, name: str, *args: Any) -> Answer:
        """Let the driver do something, and time pass until it has."""
        order = {"do": name, "a": [arg.hex() if isinstance(arg, bytes) else arg for arg in args]}
        self._answer(self._asks, order)
        self._asks = self._pump()
        answer = self._asks["a"][0]
        return Answer(answer["value"], answer["fault"], answer["text"], answer["took_ms"], answer["state"])

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        self.clock.after(round(seconds * 1e6), do)

    def of(self, what: str) -> list[Any]:
        """Return what has been told under one name."""
        return [value for name, value in self.told if name == what]

    def _hear(self, data: bytes) -> None:
        self._heard += data

    # The cable.

    def _pump(self) -> dict[str, Any]:
        """Serve the firmware until it asks for its next order; return its question."""
        try:
            for line in self._lines:
                message = json.loads(line)
                if message["op"] == "next":
                    return message
                self._take(message)
        except TimeoutError:
            raise RuntimeError("the driver hangs") from None
        said = self._process.communicate()[0].decode(errors="replace")
        raise RuntimeError("the driver has ended: " + said[-3000:])

    def _take(self, message: dict[str, Any]) -> None:
        op, args = message["op"], message["a"]
        if op == "uart.write":
            data = bytes.fromhex(args[1])
            self.said += data
            self.modem.receive(data)
        elif op == "idle":
            end_us = FOR_EVER_US if args[0] < 0 else self.clock.t_us + args[0] * 1000
            self.clock.run(end_us, lambda: len(self._heard))
            self._answer(message, self.clock.t_us)
        elif op == "hello":
            self._answer(message, self._hello())
        elif op in ("rail", "antenna", "pwrkey", "dtr"):
            self.pins.append((op, bool(args[0])))
            getattr(self.modem, op)(bool(args[0]))
        else:
            self.told.append((op, args[0] if len(args) == 1 else tuple(args)))

    def _hello(self) -> dict[str, Any]:
        return {
            "now_us": 0,
            "power_on_us": 0,
            "pins": {},
            "rtc": "",
            "device": DEVICE,
            "network": self._network,
        }

    def _answer(self, message: dict[str, Any], value: Any) -> None:
        said = b""
        if self._heard:
            event = {"ev": "uart", "a": [1, self._heard.hex()], "t": self.clock.t_us}
            said, self._heard = json.dumps(event).encode() + b"\n", b""
        self._cable.sendall(said + json.dumps({"re": message["id"], "v": value}).encode() + b"\n")
