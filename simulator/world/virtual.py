"""The world on a virtual clock: one heap of events, one seed, firmware in lock step. Same seed, same history.

Time moves only when every awake firmware has nothing to do: to the next event, or to the moment the first of them
asked to be called again.
"""

import heapq
import json
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from . import firmware
from .cellular import Cellular
from .hardware import DEEP_SLEEP, POWER_ON, WATCHDOG, WOKEN_BY_TIMER, Hardware, Radio

NEVER = 1 << 62
# From the wake to the first line of main; hardware/power_budget.csv has the likely value in the middle.
BOOT_US = (250_000, 350_000)
BODY_TICK_US = 20_000
# A firmware that computes for so long on the host has lost its way.
HANG_S = 60


class Entry(NamedTuple):
    """One line of a history."""

    n: int
    t_us: int
    who: str  # "pendant 1", "watch 2", "hub kitchen", "gateway", "desk"
    what: str
    value: Any


class World:
    """Clock, chance, history, and the devices in it. Use as a context: its processes end with it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.now_us = 0
        self.history: list[Entry] = []
        self.listeners: list[Callable[[Entry], None]] = []
        self.devices: dict[int, VirtualDevice] = {}
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(HANG_S)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        for device in self.devices.values():
            device.end_process()
        self._door.close()

    def chance(self, *names: Any) -> random.Random:
        """A generator for one purpose: what others draw does not change it."""
        return random.Random(":".join(map(str, (self.seed, *names))))

    def note(self, who: str, what: str, value: Any = None) -> None:
        entry = Entry(len(self.history), self.now_us, who, what, value)
        self.history.append(entry)
        for listener in self.listeners:
            listener(entry)

    # Time.

    def at(self, t_us: int, do: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (max(t_us, self.now_us), self._number, do))

    def after(self, us: int, do: Callable[[], object]) -> None:
        self.at(self.now_us + us, do)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end_us = self.now_us + round(seconds * 1e6)
        while self._step(end_us):
            pass
        self.now_us = end_us

    def until(self, holds: Callable[[], Any], within_s: float) -> bool:
        """Let time pass until something holds, at the most so long; return whether it came to hold."""
        end_us = self.now_us + round(within_s * 1e6)
        while not holds():
            if not self._step(end_us):
                self.now_us = end_us
                return bool(holds())
        return True

    def _step(self, end_us: int) -> bool:
        """Do the one thing that comes next, unless it lies beyond the end."""
        first: VirtualDevice | None = None
        for device in self.devices.values():
            device.settle()
            if first is None or device.due_us() < first.due_us():
                first = device
        event_us = self._heap[0][0] if self._heap else NEVER
        device_us = first.due_us() if first else NEVER
        if min(event_us, device_us) > end_us:
            return False
        self.now_us = max(self.now_us, min(event_us, device_us))
        if event_us <= device_us or first is None:
            heapq.heappop(self._heap)[2]()
        else:
            first.go_on()
        return True

    def add(
        self,
        number: int,
        radio: Radio,
        image: Path,
        board: str = "pendant",
        cellular: Cellular | None = None,
    ) -> "VirtualDevice":
        """Put a device into the world whose flash is a copy of `image`."""
        folder = self.folder / str(number)
        shutil.copytree(image, folder)
        self.devices[number] = VirtualDevice(self, number, folder, radio, board, cellular)
        return self.devices[number]

    def admit(self, device: "VirtualDevice") -> socket.socket:
        """Start the firmware of a device and let it in."""
        host, port = self._door.getsockname()
        board = device.hardware.board
        device.process = subprocess.Popen(
            firmware.command(board=board),
            env=firmware.environment(f"{host}:{port}", device.number, device.folder, "virtual", board),
            stdin=subprocess.DEVNULL,
            stdout=device.output,
            stderr=device.output,
        )
        connection, _ = self._door.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(HANG_S)
        return connection


class WorldScheduler:
    """The world's clock as a chip with a life of its own asks for it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_us(self) -> int:
        return self._world.now_us

    def after(self, us: int, do: Callable[[], object]) -> None:
        self._world.after(us, do)


class VirtualDevice:
    """One device: hardware that stays; a process that lives from a boot to the next deep sleep."""

    def __init__(
        self,
        world: World,
        number: int,
        folder: Path,
        radio: Radio,
        board: str = "pendant",
        cellular: Cellular | None = None,
    ) -> None:
        self.world = world
        self.number = number
        self.folder = folder
        self.name = f"{board} {number}"
        self.hardware = Hardware(number, radio, lambda: world.now_us, self._tell, board, cellular)
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the device; what no hook catches
        self.process: subprocess.Popen | None = None
        self.asleep = False
        self.dead = False
        self.powered = False
        self.rtc_lost_in_sleep = False
        self.chip_answers = True  # the accelerometer, on its bus
        self.drift_percent = (
            0.0  # of the clock that runs through deep sleep; the ESP32's RC clock: up to 2 either way
        )
        self.flash = [False, 0, -1]  # fails, ms of each write, power is cut after so many more bytes
        self.boots = 0
        self._chance = world.chance("device", number)
        self._connection: socket.socket | None = None
        self._lines: Any = None
        self._idle: int | None = None  # the number of the question that waits for time to pass
        self._deadline_us = NEVER
        self._life = 0  # counts boots and ends of boots: what was planned in an earlier life does not happen
        self._body_until_us = 0
        self._slept_us = 0

    def _tell(self, what: str, value: Any, at_us: int | None = None) -> None:
        self.world.note(self.name, what, value)
        if what == "button":
            self._maybe_wake()

    @property
    def booting(self) -> bool:
        """Whether it is neither awake nor asleep: the button wakes nothing now, and nobody looks at it yet."""
        return self.powered and not self.asleep and self._connection is None

    # Power, boot, sleep.

    def power_on(self) -> None:
        self.powered = True
        self._boot(POWER_ON, 0)

    def _boot(self, cause: int, reason: int) -> None:
        self._life += 1
        if self.asleep:
            slept = self.world.now_us - self._slept_us
            self.hardware.power_on_us -= round(slept * self.drift_percent / 100)
        life = self._life
        self.asleep = False
        self.hardware.reset_cause, self.hardware.wake_reason = cause, reason
        self.hardware.watchdog_us = 0
        self.hardware.enter("boot_from_deep_sleep")
        self.world.note(self.name, "boot", {POWER_ON: "power", WATCHDOG: "watchdog"}.get(cause, reason))
        self.world.after(self._chance.randint(*BOOT_US), lambda: self._start(life))

    def _start(self, life: int) -> None:
        if life != self._life or self.dead:
            return
        self.boots += 1
        self._connection = self.world.admit(self)
        self._lines = self._connection.makefile("rb")
        self._idle, self._deadline_us = None, NEVER
        self.hardware.send = self.send
        self.hardware.enter("awake")

    def end_process(self) -> None:
        """The process is over, by itself or by us."""
        self.hardware.send = None
        self._idle, self._deadline_us = None, NEVER
        if self._connection is not None:
            self._lines.close()
            self._connection.close()
            self._connection = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _off(self) -> None:
        self._life += 1
        self.end_process()
        self.hardware.radio.active(self.number, False)

    def cut_power(self, back_after_s: float | None) -> None:
        """The battery is out, and in again after a while (None: it stays out)."""
        self._off()
        self.asleep, self.powered = False, False
        self.hardware.lose_power()
        self.hardware.enter("off")
        self.flash[2] = -1
        self.world.note(self.name, "power cut")
        if back_after_s is not None:
            life = self._life
            self.world.after(round(back_after_s * 1e6), lambda: self._power_back(life))

    def _power_back(self, life: int) -> None:
        if life == self._life and not self.dead:
            self.power_on()

    def destroy(self) -> None:
        """The device is smashed: it will never boot again."""
        self._off()
        self.dead, self.powered, self.asleep = True, False, False
        self.world.note(self.name, "destroyed")

    def _sleep(self, ms: int) -> None:
        self._off()
        self.asleep = True
        self._slept_us = self.world.now_us
        self.hardware.enter("sleep")
        self.world.note(self.name, "sleep", ms / 1000)
        if self.rtc_lost_in_sleep:
            self.rtc_lost_in_sleep, self.hardware.rtc = False, ""
        life = self._life
        if ms >= 0:
            self.world.after(
                round(ms * 1000 / (1 + self.drift_percent / 100)), lambda: self._alarm_clock(life)
            )
        self.world.after(0, self._maybe_wake)

    def _alarm_clock(self, life: int) -> None:
        if life == self._life and self.asleep:
            self._boot(DEEP_SLEEP, WOKEN_BY_TIMER)

    def _maybe_wake(self) -> None:
        if self.asleep and (reason := self.hardware.wakes_now()):
            self._boot(DEEP_SLEEP, reason)

    def reset(self) -> None:
        """The watchdog bites, whether the firmware has deserved it or not: RTC memory stays."""
        self._off()
        self._boot(WATCHDOG, 0)

    # The cable.

    def send(self, name: str, *args: Any) -> None:
        """An interrupt: the firmware goes on at once."""
        if self._connection is None:
            return
        self._write({"ev": name, "a": args, "t": self.world.now_us})
        if self._idle is not None:
            self._deadline_us = self.world.now_us

    def _write(self, message: dict[str, Any]) -> None:
        assert self._connection is not None
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def due_us(self) -> int:
        if self._idle is None:
            return NEVER
        hardware = self.hardware
        bites = hardware.watchdog_fed_us + hardware.watchdog_us + 1 if hardware.watchdog_us else NEVER
        return min(self._deadline_us, bites)

    def go_on(self) -> None:
        """The time the firmware waited for has come, or the watchdog's."""
        if self.hardware.watchdog_bites():
            self.world.note(self.name, "watchdog")
            self.reset()
            return
        number, self._idle, self._deadline_us = self._idle, None, NEVER
        self._write({"re": number, "v": self.world.now_us})

    def settle(self) -> None:
        """Serve the firmware until it has nothing to do: it idles, sleeps, or is gone."""
        while self._connection is not None and self._idle is None:
            line = self._lines.readline()
            if not line:
                self._gone()
                return
            message = json.loads(line)
            self._serve(message["op"], message["a"], message.get("id"))

    def _serve(self, op: str, args: list, number: int | None) -> None:
        if op == "idle":
            self._idle = number
            self._deadline_us = NEVER if args[0] < 0 else self.world.now_us + args[0] * 1000
            return
        if op in ("sleep", "reset"):
            self._write({"re": number, "v": None})
            if op == "sleep":
                self._sleep(args[0])
            else:
                self._off()
                self._boot(POWER_ON, 0)
            return
        value = None
        if op in ("log", "stored", "kept", "heap"):
            self.world.note(self.name, op, args[0] if len(args) == 1 else args)
        elif op.startswith("i2c.") and not self.chip_answers:
            value = None
        elif op == "hello":
            # Drawn from the seed for this start: what os.urandom gives.
            entropy = f"{self._chance.getrandbits(64):016x}"
            value = {**self.hardware.hello(), "flash": self.flash, "entropy": entropy}
        else:
            value = self.hardware.handle(op, args)
        if number is not None:
            self._write({"re": number, "v": value})

    def _gone(self) -> None:
        """The process ended without a word: power went in the middle of a write, or the firmware fell."""
        planned = self.flash[2] >= 0
        if self.process is not None:
            self.process.wait()
        self._off()
        if not planned:
            self.output.seek(0)
            self.world.note(self.name, "crash", self.output.read()[-2000:].decode(errors="replace"))
        self.cut_power(back_after_s=1.0 + self._chance.random() * 4)

    # Faults and questions.

    def wear_flash(self, fails: bool = False, slow_ms: int = 0, cut_after: int = -1) -> None:
        """Set how the flash behaves from now on; a cut counts the bytes written from now."""
        self.flash = [fails, slow_ms, cut_after]
        self.send("flash", *self.flash)

    def weigh_heap(self) -> None:
        """Ask how much of the heap is in use after a collection; the answer is in the history."""
        self.send("heap")

    # The wearer's body.

    def move(self, name: str) -> float:
        """Start a motion; the accelerometer takes its samples as they come. Return its length in seconds."""
        seconds = self.hardware.body.play(name, self.world.now_us)
        self.world.note(self.name, "motion", name)
        running = self._body_until_us > self.world.now_us
        self._body_until_us = self.world.now_us + round(seconds * 1e6)
        if not running:
            self._body_tick()
        return seconds

    def _body_tick(self) -> None:
        self.hardware.accelerometer.advance(self.world.now_us)
        self._maybe_wake()
        if self.world.now_us < self._body_until_us:
            self.world.after(BODY_TICK_US, self._body_tick)
