"""The world on the real clock: firmware processes come and go as devices sleep and wake."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import firmware
from .cellular import Cellular
from .hardware import DEEP_SLEEP, POWER_ON, WATCHDOG, WOKEN_BY_TIMER, Hardware, Radio
from .phones import LoopScheduler  # noqa: F401 - the clock of what lives in this process

MOTION_TICK_S = 0.05


def now_us() -> int:
    return time.monotonic_ns() // 1000


class RealDevice:
    """One device: hardware that stays, a process that is started at each boot."""

    def __init__(
        self,
        number: int,
        folder: Path,
        radio: Radio,
        notice: Callable[..., None],
        board: str = "pendant",
        cellular: Cellular | None = None,
    ) -> None:
        self.number = number
        self.folder = folder
        self._notice = notice
        self.hardware = Hardware(number, radio, now_us, self._tell, board, cellular)
        self.process: subprocess.Popen | None = None
        self.asleep = False
        self.dead = False
        self._wake: asyncio.TimerHandle | None = None
        self._world = ""
        self._log = (folder / "log.txt").open("ab")

    def _tell(self, what: str, value: Any, at_us: int | None = None) -> None:
        self._notice(self.number, what, value, at_us)
        if self.asleep and what == "button":
            self.maybe_wake()

    def start(self, world: str) -> None:
        self._world = world
        self._boot(POWER_ON, 0)

    def _boot(self, cause: int, reason: int) -> None:
        if self._wake:
            self._wake.cancel()
        self.asleep = False
        self.hardware.reset_cause, self.hardware.wake_reason = cause, reason
        self.hardware.watchdog_us = 0
        self.hardware.enter("boot_from_deep_sleep")
        self._notice(self.number, "boot", cause)
        self.process = subprocess.Popen(
            firmware.command(board=self.hardware.board),
            env=firmware.environment(self._world, self.number, self.folder, "real", self.hardware.board),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def sleep(self, ms: int) -> None:
        """The firmware goes to deep sleep; a pin already at its level wakes it at once."""
        self.asleep = True
        self.hardware.send = None
        self.hardware.enter("sleep")
        self._notice(self.number, "sleep", ms)
        loop = asyncio.get_running_loop()
        self._wake = loop.call_later(ms / 1000, self._boot_after_sleep, WOKEN_BY_TIMER) if ms >= 0 else None
        loop.call_soon(self.maybe_wake)

    def maybe_wake(self) -> None:
        if self.asleep and not self.dead and (reason := self.hardware.wakes_now()):
            self._boot_after_sleep(reason)

    def _boot_after_sleep(self, reason: int) -> None:
        if self.asleep and not self.dead:
            self._boot(DEEP_SLEEP, reason)

    def ended(self) -> None:
        """The process is gone without having gone to sleep: a crash of the interpreter restarts like a reset."""
        self.hardware.send = None
        self.hardware.radio.active(self.number, False)
        if not self.asleep and not self.dead:
            self.hardware.lose_power()
            self._boot(POWER_ON, 0)

    def tick(self) -> None:
        """Let the accelerometer see what the body does, and the watchdog what the firmware does not."""
        hardware = self.hardware
        if hardware.body.moving(now_us()):
            hardware.accelerometer.advance(now_us())
            self.maybe_wake()
        if hardware.watchdog_bites() and not self.asleep:
            self._notice(self.number, "watchdog", 1)
            self.kill()
            self._boot(WATCHDOG, 0)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def destroy(self) -> None:
        """The device is smashed: it will never boot again."""
        self.dead = True
        if self._wake:
            self._wake.cancel()
        self.kill()
        self.hardware.radio.active(self.number, False)
        self._notice(self.number, "destroyed", 1)


class World:
    """All devices, and the cable their firmware comes in by."""

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self.devices: dict[int, RealDevice] = {}
        self.listeners: set[Callable[[dict[str, Any]], None]] = set()
        self._address = ""

    def notice(self, device: int, what: str, value: Any, at_us: int | None = None) -> None:
        """Tell every listener; `at_us` is when it happened, if that was not now."""
        t_ns = time.monotonic_ns() if at_us is None else at_us * 1000
        event = {"t_ns": t_ns, "device": device, "what": what, "value": value}
        for listener in list(self.listeners):
            listener(event)

    async def open(self) -> None:
        """Listen for firmware on a free loopback port and keep bodies and watchdogs going."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self._address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def run(self) -> None:
        while True:
            for device in list(self.devices.values()):
                device.tick()
            await asyncio.sleep(MOTION_TICK_S)

    def add(
        self,
        number: int,
        folder: Path,
        battery_percent: float = 100,
        board: str = "pendant",
        cellular: Cellular | None = None,
    ) -> RealDevice:
        device = RealDevice(number, folder, self.radio, self.notice, board, cellular)
        device.hardware.set_charge(battery_percent)
        self.devices[number] = device
        device.start(self._address)
        return device

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device: RealDevice | None = None
        process: subprocess.Popen | None = None
        slept = False
        try:
            while line := await reader.readline():
                message = json.loads(line)
                op, args = message["op"], message["a"]
                if op == "hello":
                    device = self.devices[args[0]]
                    process = device.process
                    device.hardware.send = _sender(writer)
                value: Any = None
                assert device, "the first word is hello"
                if op == "sleep":
                    slept = True
                else:
                    value = device.hardware.handle(op, args)
                if "id" in message:
                    writer.write(json.dumps({"re": message["id"], "v": value}).encode() + b"\n")
                if slept:
                    self.radio.active(device.number, False)
                    device.sleep(args[0])
                    break
        except ConnectionError:
            pass  # a process that was killed
        finally:
            writer.close()
            if device is not None and not slept and process is device.process:
                device.ended()

    def close(self) -> None:
        for device in self.devices.values():
            device.destroy()


def _sender(writer: asyncio.StreamWriter) -> Callable[..., None]:
    def send(name: str, *args: Any) -> None:
        if not writer.is_closing():
            writer.write(json.dumps({"ev": name, "a": args}).encode() + b"\n")

    return send
