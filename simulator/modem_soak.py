"""The modem's driver against the emulated modem, in random interleavings: no alarm lost, no method later than it says.

One interleaving is one alarm: the driver, in real MicroPython on a virtual clock, is given a payload and must get it to
the broker, while the emulated modem puts unsolicited lines between its own, loses letters both ways, dawdles, and, in
about one of three, also restarts, hangs, or loses its connection, its network or its registration at a random moment.
The disturbance ends after a random time; then the alarm must arrive. State carries over from one interleaving to the
next: a run is a hundred of them, from a modem fresh from the factory on, and its seed gives the same run again.
"""

import argparse
import heapq
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

from .chips.sim7080g import Failure, Identity, Sim7080g
from .chips.sim7080g.line import Broker
from .world import firmware
from .world.phones import SmsCentre
from .world.sky import Sky

PER_RUN = 100
NOW_S = 1_790_000_000  # a day in 2026
TOPIC = "socors/v1/d/2001/alarm"
DOWN = "socors/v1/d/2001/down"
NETWORK = {
    "apn": "internet",
    "apn_user": "",
    "apn_password": "",
    "sim_pin": "",
    "host": "broker.example",
    "port": 8883,
    "user": "device-2001",
    "password": "correct horse",
    "ca": "-----BEGIN CERTIFICATE-----\n"
    + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0MTI=\n" * 30
    + "-----END CERTIFICATE-----\n",
    "sms_to": "+34600000002",
}
PUBLISH_MS = (8_000, 25_000)
DISTURBED_S = (0.2, 40.0)
PAUSES_MS = (0, 0, 50, 300, 5_000)  # before the alarm, for what happens while nobody asks anything
EVENT_SHARE = 0.35
# The ESP32's UART interrupts when 120 bytes have come, or none for about ten characters' time.
UART_FULL_BYTES = 120
UART_PAUSE_US = 870
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


class SoakLine:
    """A broker that takes everything, and knows every payload that has ever reached it."""

    def __init__(self) -> None:
        self.on_message: Callable[[str, bytes], None] = lambda topic, payload: None
        self.on_lost: Callable[[], None] = lambda: None
        self.arrived: dict[bytes, int] = {}
        self.subscribed = False
        self.silent = False

    def connect(self, want: Broker, done: Callable[[Failure | None], None]) -> None:
        self.subscribed = False
        known = (want.user, want.password, want.host, want.port)
        right = known == (NETWORK["user"], NETWORK["password"], NETWORK["host"], NETWORK["port"])
        trusted = want.tls and want.check_time and want.ca_pem == NETWORK["ca"].encode()
        if not trusted:
            done(Failure("untrusted"))
        else:
            done(None if right else Failure("credentials"))

    def probe(self, want: Broker, done: Callable[[Failure | None], None]) -> None:
        done(None)

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, done: Callable[[bool], None]
    ) -> None:
        if self.silent:
            return
        if topic == TOPIC and qos == 1 and not retain:
            self.arrived[payload] = self.arrived.get(payload, 0) + 1
        done(True)

    def subscribe(self, topic: str, qos: int, done: Callable[[bool], None]) -> None:
        self.subscribed = self.subscribed or topic == DOWN
        done(True)

    def unsubscribe(self, topic: str, done: Callable[[bool], None]) -> None:
        done(True)

    def disconnect(self) -> None:
        self.subscribed = False

    def drop(self) -> None:
        self.subscribed = False


@dataclass
class Tally:
    """What a run, or all of them, came to."""

    interleavings: int = 0
    alarms: int = 0
    copies: int = 0
    tries: int = 0
    downs: int = 0
    errors: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.interleavings += other.interleavings
        self.alarms += other.alarms
        self.copies += other.copies
        self.tries += other.tries
        self.downs += other.downs
        self.errors += other.errors


class Run:
    """One seed: a modem, the driver's process, and `size` interleavings."""

    def __init__(self, seed: int, size: int, verbose: bool = False) -> None:
        self.seed, self.size, self.verbose = seed, size, verbose
        self.chance = random.Random(f"modem soak {seed}")
        self.clock = Clock()
        self.line = SoakLine()
        self.tally = Tally()
        self._heard = b""
        phones = SmsCentre(self.clock, random.Random(f"phones {seed}"))
        self.phones = phones
        self.modem = Sim7080g(
            self.clock,
            self._hear,
            self.line,
            Sky(random.Random(seed)),
            phones,
            Identity.of(2001),
            lambda load, on: None,
            chance=random.Random(f"modem {seed}"),
            unix_s=lambda: NOW_S + self.clock.t_us / 1e6,
        )
        self._payload = b""
        self._epoch = 0
        self._lossy = False

    def _hear(self, data: bytes) -> None:
        self._heard += data

    # One interleaving.

    def _next(self, outcome: int | None) -> dict[str, Any] | None:
        """Judge the last one, and begin another."""
        if outcome is not None:
            self._judge(outcome)
        if self.tally.interleavings == self.size or self.tally.errors:
            return None
        self._payload = self.chance.randbytes(64)
        self._disturb()
        return {
            "topic": TOPIC,
            "payload": self._payload.hex(),
            "ms": self.chance.choice(PUBLISH_MS),
            "pause_ms": self.chance.choice(PAUSES_MS),
        }

    def _judge(self, tries: int) -> None:
        tally = self.tally
        tally.interleavings += 1
        tally.tries += tries
        copies = self.line.arrived.pop(self._payload, 0)
        tally.copies += copies
        if not tries:
            self._fail("an alarm was given up")
        elif not copies:
            self._fail("said to be published, and never arrived")
        else:
            tally.alarms += 1
        if self.modem.unknown and not self._lossy:  # half a command is one that nobody wrote down
            self._fail(f"a command nobody wrote down: {self.modem.unknown}")
        self.modem.unknown.clear()
        self.line.arrived.clear()

    def _fail(self, what: str) -> None:
        self.tally.errors.append(f"run {self.seed}, interleaving {self.tally.interleavings}: {what}")

    def _disturb(self) -> None:
        chance, faults = self.chance, self.modem.faults
        self._calm()
        self._epoch += 1
        epoch = self._epoch
        self.modem.delays.scale = chance.choice((0.0, 0.1, 1.0))
        faults.urc_in_answers = chance.choice((0.0, 0.1, 0.5))
        faults.characters_lost = chance.choice((0.0, 0.0, 0.0005, 0.002, 0.01))
        self._lossy = faults.characters_lost > 0
        disturbed_s = chance.uniform(*DISTURBED_S)
        for _ in range(chance.choice((0, 0, 1, 3))):
            self._later(chance.uniform(0, 0.5), epoch, self._message)
        if chance.random() < EVENT_SHARE:
            event = chance.choice(EVENTS)
            moment_s = chance.choice((0.0, chance.uniform(0, 0.3), chance.uniform(0, disturbed_s)))
            self._later(min(moment_s, disturbed_s), epoch, lambda: event(self))
        self._later(disturbed_s, epoch, self._calm)

    def _later(self, seconds: float, epoch: int, do: Callable[[], object]) -> None:
        self.clock.after(round(seconds * 1e6), lambda: do() if epoch == self._epoch else None)

    def _message(self) -> None:
        if self.line.subscribed:
            self.line.on_message(DOWN, self.chance.randbytes(24))

    def _calm(self) -> None:
        """End every disturbance; what is as it should be is left alone, for setting it is an event as well."""
        faults = self.modem.faults
        for one in fields(faults):
            if getattr(faults, one.name) != one.default:
                setattr(faults, one.name, one.default)
        self.line.silent = False

    # The cable.

    def play(self) -> Tally:
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.settimeout(HANG_S)
            host, port = door.getsockname()
            process = subprocess.Popen(
                firmware.command("_modem_soak.py"),
                env=firmware.environment(f"{host}:{port}", 2001, firmware.ROOT, "virtual", "watch"),
                stdout=None if self.verbose else subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            connection, _ = door.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(HANG_S)
            try:
                with connection, connection.makefile("rb") as lines:
                    for line in lines:
                        self._take(json.loads(line), connection)
                said = process.communicate(timeout=HANG_S)[0]
            except TimeoutError:
                said = b"the driver hangs"
            finally:
                process.kill()
                process.wait()
        if self.tally.interleavings < self.size and not self.tally.errors:
            self._fail("the driver ended: " + (said or b"").decode(errors="replace")[-2000:])
        return self.tally

    def _take(self, message: dict[str, Any], connection: socket.socket) -> None:
        op, args = message["op"], message["a"]
        if op == "uart.write":
            self.modem.receive(bytes.fromhex(args[1]))
        elif op == "idle":
            end_us = 1 << 62 if args[0] < 0 else self.clock.t_us + args[0] * 1000
            self.clock.run(end_us, lambda: len(self._heard))
            self._answer(message, self.clock.t_us, connection)
        elif op == "next":
            self._answer(message, self._next(args[0]), connection)
        elif op == "hello":
            self._answer(message, self._hello(), connection)
        elif op in ("rail", "antenna", "pwrkey", "dtr"):
            getattr(self.modem, op)(bool(args[0]))
        elif op == "late":
            self._fail("%s took %d ms, and may take %d" % tuple(args))
        elif op == "down":
            self.tally.downs += 1
        elif op == "log" and self.verbose:
            print(f"{self.clock.t_us / 1e6:12.3f}  {args[0]}", flush=True)

    def _hello(self) -> dict[str, Any]:
        return {
            "now_us": 0,
            "power_on_us": 0,
            "pins": {},
            "rtc": "",
            "device": 2001,
            "network": NETWORK,
            "unix_s": NOW_S,
            "verbose": self.verbose,
        }

    def _answer(self, message: dict[str, Any], value: Any, connection: socket.socket) -> None:
        said = b""
        if self._heard:
            event = {"ev": "uart", "a": [1, self._heard.hex()], "t": self.clock.t_us}
            said, self._heard = json.dumps(event).encode() + b"\n", b""
        connection.sendall(said + json.dumps({"re": message["id"], "v": value}).encode() + b"\n")


def _set(**faults: Any) -> Callable[[Run], None]:
    def do(run: Run) -> None:
        for name, value in faults.items():
            setattr(run.modem.faults, name, value)

    return do


def _silent(run: Run) -> None:
    run.line.silent = True


# What else may happen, each as likely as the others.
EVENTS: tuple[Callable[[Run], None], ...] = (
    lambda run: run.modem.power.restart(),
    lambda run: run.line.on_lost(),
    _silent,
    _set(no_network=True),
    _set(denied=True),
    _set(lose_registration_in_publish=True),
    _set(pdp_dropped=True),
    _set(connect_hangs_s=60.0),
    _set(publish_fails_after_idle_s=0.001),
    _set(reboots=0.05),
    _set(boot_storm=2),
    _set(brown_out=True),
    _set(dark=True),
    _set(pwrkey_ignored=True),
    _set(no_sim=True),
    _set(sms_full=True),
)


def play(seed: int, size: int, verbose: bool = False) -> Tally:
    """Return what one run came to."""
    return Run(seed, size, verbose).play()


def soak(count: int, first_seed: int, processes: int, tell: Callable[[str], object]) -> Tally:
    """Play so many interleavings, in runs of PER_RUN, side by side; tell how it goes."""
    total, began = Tally(), time.monotonic()
    runs = [
        (first_seed + number, min(PER_RUN, count - number * PER_RUN))
        for number in range(-(-count // PER_RUN))
    ]
    told = 0.0
    with ProcessPoolExecutor(processes) as pool:
        for tally in pool.map(play, *zip(*runs, strict=True)):
            total.add(tally)
            if tally.errors or time.monotonic() - told > 10:
                told = time.monotonic()
                for error in tally.errors:
                    tell("FAILED " + error)
                tell(f"{total.interleavings} of {count} interleavings, {time.monotonic() - began:.0f} s")
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000, help="how many interleavings")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the first run; each run of a hundred has its own"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--verbose", action="store_true", help="one run in this process, with the driver's log"
    )
    asked = parser.parse_args()
    began = time.monotonic()
    if asked.verbose:
        total = play(asked.seed, asked.count, verbose=True)
    else:
        total = soak(asked.count, asked.seed, asked.processes, lambda text: print(text, flush=True))
    print(
        f"{total.interleavings} interleavings in {time.monotonic() - began:.0f} s: {total.alarms} alarms arrived in"
        f" {total.copies} copies after {total.tries} tries, {total.downs} answers heard, {len(total.errors)} failures"
    )
    for error in total.errors:
        print("FAILED", error)
    return 1 if total.errors else 0


if __name__ == "__main__":
    sys.exit(main())
