"""What a scenario is told with: pendants and their wearers, hubs, a desk, and everything that can go wrong with them."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sos_wire import frame as wire
from sos_wire import sms

from .chips.sim7080g import Sim7080g
from .provisioning import provision
from .world import firmware
from .world.broker import network_of
from .world.cellular import Cellular
from .world.desk import Desk
from .world.ether import Ether, Reception
from .world.hub import Hub
from .world.line_virtual import VirtualLine
from .world.phones import SmsCentre
from .world.sky import Sky
from .world.virtual import VirtualDevice, World, WorldScheduler

PLACES = {
    "kitchen": (413_550_000, 20_700_000),
    "stairs": (413_551_000, 20_701_000),
    "park": (413_580_000, 20_730_000),
}
# The number of the SIM in a hub's stick.
HUB_SIM = "+34600900001"
# A hold this long is an alarm whatever the device was doing: the longest boot, the hold, a margin.
SURE_HOLD_S = 1.5
# After so much quiet a run of clicks has been judged, also with a boot in it.
QUIET_S = 0.6

_READ_JOURNAL = """
import esp32, flash, store
flash.mount(esp32.Partition.find()[0], "/socors")
for e in store.Store("/socors", esp32.NVS("socors")).events():
    print("event", e.boot, e.seq, e.kind, e.flags, e.state)
"""


def secret_of(number: int) -> bytes:
    return hashlib.sha256(b"simulated device %d" % number).digest()


@lru_cache(maxsize=1)
def _images() -> Path:
    return Path(tempfile.mkdtemp(prefix="socors-images-"))


@lru_cache(maxsize=64)
def image(number: int, settings: str, network: str = "{}") -> Path:
    """Return the flash of a freshly provisioned device, made once."""
    folder = _images() / hashlib.sha256(f"{number} {settings} {network}".encode()).hexdigest()[:16]
    secret_file = _images() / f"{number}.json"
    said = {"device": number, "secret": secret_of(number).hex(), "network": json.loads(network)}
    secret_file.write_text(json.dumps(said))
    provision(folder, secret_file, json.loads(settings))
    return folder


class Finger:
    """A wearer's finger on one button; contacts bounce, and a hand trembles, as the seed has it."""

    def __init__(self, story: "Story", device: VirtualDevice) -> None:
        self._story, self.device = story, device
        self._chance = story.world.chance("finger", device.number)
        self.bounces, self.trembles = True, False

    def _level(self, level: int) -> None:
        self.device.hardware.set_input("button", level)

    def _edge(self, level: int) -> None:
        if self.bounces:
            for _ in range(self._chance.randint(0, 3)):
                self._level(level)
                self._story.run(self._chance.uniform(0.0002, 0.002))
                self._level(1 - level)
                self._story.run(self._chance.uniform(0.0002, 0.001))
        self._level(level)

    def _press(self, seconds: float) -> None:
        world = self._story.world
        end_us = world.now_us + round(seconds * 1e6)
        self._edge(0)
        while self.trembles and end_us - world.now_us > 250_000:
            self._story.run(self._chance.uniform(0.08, 0.2))
            self._level(1)
            self._story.run(self._chance.uniform(0.003, 0.030))
            self._level(0)
        self._story.run(max(0.0, (end_us - world.now_us) / 1e6))
        self._edge(1)

    def hold(self, seconds: float = 1.6) -> None:
        """Press so long. Long enough, and with power all the while, it is an alarm without any doubt."""
        began = self._begin("hold", seconds)
        self._press(seconds)
        self._end("hold", began, seconds >= SURE_HOLD_S)

    def click(self, count: int, press_s: float = 0.12, gap_s: float = 0.15) -> None:
        began = self._begin("clicks", count)
        # It may miss a click or two; and all of them where a flash that dawdles holds up the start.
        booting = self.device.booting or (self.device.asleep and self.device.flash[1] > 0)
        for _ in range(count):
            self._press(press_s)
            self._story.run(gap_s)
        self._story.run(QUIET_S)
        self._end("clicks", began, count >= 4 and not booting)

    def _begin(self, what: str, much: float) -> int:
        self._story.world.note(self.device.name, "wearer", f"{what} {much}")
        return len(self._story.world.history)

    def _end(self, what: str, began: int, enough: bool) -> None:
        """Note an alarm that must have come of it, unless power, process or button were not there all the while."""
        history = self._story.world.history
        broken = any(
            e.who == self.device.name
            and (
                e.what in ("power cut", "destroyed", "watchdog", "crash")
                or (e.what == "boot" and e.value == "power")
            )
            for e in history[began:]
        )
        if enough and self.device.powered and not broken:
            start_us = history[began - 1].t_us
            self._story.world.note(self.device.name, "gesture made", [what, start_us])


class Answers:
    """The down frames among the lines a modem says to its processor: published to the device's topic, or in a text."""

    _LINE = re.compile(rb'\+SMSUB: "[^"]*","([0-9A-Fa-f]{48})"$|(S1[A-Za-z0-9_-]{32})$')

    def __init__(self, delivered: Callable[[bytes], None]) -> None:
        self._delivered = delivered
        self._line = b""

    def take(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            found = self._LINE.search(line.rstrip(b"\r"))
            if found:
                published, texted = found.groups()
                frame = bytes.fromhex(published.decode()) if published else sms.decode(texted.decode())
                if frame is not None:
                    self._delivered(frame)


class Story:
    """One run of one scenario: a seed, a world, and who is in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance("story")
        self.ether = Ether(world)
        self.desk = Desk(world)
        self.pendants: dict[int, VirtualDevice] = {}  # and watches
        self.phones = SmsCentre(WorldScheduler(world), world.chance("phones"))
        self.lines: dict[int, VirtualLine] = {}
        self.skies: dict[int, Sky] = {}
        self.ether.delivered = self._delivered

    def run(self, seconds: float) -> None:
        self.world.run(seconds)

    def until(self, holds: Any, within_s: float = 30.0) -> bool:
        return self.world.until(holds, within_s)

    def say(self, text: str) -> None:
        """A line of the story for whoever reads the transcript."""
        self.world.note("story", text)

    # Who is there.

    def pendant(
        self, number: int = 1, profile: dict[str, Any] | None = None, **settings: int | str
    ) -> VirtualDevice:
        """A pendant, provisioned and switched on."""
        self.desk.register(number, secret_of(number), profile)
        made = image(number, json.dumps(settings, sort_keys=True))
        return self._switch_on(self.world.add(number, self.ether, made))

    def watch(
        self,
        number: int = 2,
        profile: dict[str, Any] | None = None,
        *,
        sms_to: str = HUB_SIM,
        network: dict[str, Any] | None = None,
        **settings: int | str,
    ) -> VirtualDevice:
        """A watch with a modem, provisioned and switched on; `network` changes what its network file says."""
        self.desk.register(number, secret_of(number), profile)
        self.lines[number] = VirtualLine(self.world, self.desk.broker, self.world.chance("line", number))
        self.skies[number] = Sky(self.world.chance("sky", number))
        cellular = Cellular(
            WorldScheduler(self.world),
            self.lines[number],
            self.skies[number],
            self.phones,
            self.world.chance("modem", number),
            self.desk.unix_s,
        )
        said = {**network_of(number, sms_to), **(network or {})}
        made = image(number, json.dumps(settings, sort_keys=True), json.dumps(said, sort_keys=True))
        device = self.world.add(number, self.ether, made, "watch", cellular)
        device.hardware.heard = Answers(lambda frame: self._delivered(device, frame)).take
        return self._switch_on(device)

    def _switch_on(self, device: VirtualDevice) -> VirtualDevice:
        self.pendants[device.number] = device
        device.power_on()
        return device

    def modem(self, device: VirtualDevice) -> Sim7080g:
        """Return a watch's modem."""
        assert device.hardware.modem
        return device.hardware.modem

    def finger(self, device: VirtualDevice) -> Finger:
        return Finger(self, device)

    def hub(self, name: str = "kitchen", sim: str = "") -> Hub:
        """A hub, with a stick if it is given the number of a SIM."""
        self.desk.store.put_hub(name, "08073", *PLACES.get(name, (None, None)), place=name)
        hub = Hub(self.world, self.ether, self.desk, name)
        self.desk.hubs[name] = hub
        if sim:
            hub.plug(sim, self.phones)
        return hub

    def reception(self, device: VirtualDevice, hub: Hub) -> Reception:
        return self.ether.reception(device.number, hub.name)

    def set_clock(self, device: VirtualDevice, within_s: float = 60.0) -> None:
        """Let the device be heard once and fall asleep, as it does after it was put on."""
        self.until(lambda: device.asleep and self.desk.store.rows("event"), within_s)

    # What happened.

    def _delivered(self, device: VirtualDevice, data: bytes) -> None:
        """What a device is told, opened with its own keys: the promise speaks of this moment."""
        body = self.desk.keys[device.number].open_down(data)
        if body is not None:
            down = wire.decode_down(body)
            self.world.note(device.name, "told", [down.ref_boot, down.ref_seq, down.state])

    def journal(self, device: VirtualDevice) -> list[tuple[int, ...]]:
        """Read a device's flash with the firmware's own code: (boot, seq, kind, flags, state)."""
        done = subprocess.run(
            [firmware.interpreter(), "-c", _READ_JOURNAL],
            env={"MICROPYPATH": firmware.path(), "SOCORS_FLASH": str(device.folder)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        lines = [line.split() for line in done.stdout.splitlines()]
        return [tuple(map(int, words[1:])) for words in lines if words and words[0] == "event"]

    def stored(self, kind: int, flags: int | None = None) -> list[dict[str, Any]]:
        """Return the gateway's events of a kind; of `felt` the flags are the state."""
        rows = [row for row in self.desk.store.rows("event") if row["kind"] == kind]
        return [row for row in rows if flags is None or row["flags"] == flags]

    def felt(self) -> dict[tuple[int, int, int], bytes]:
        """Return what falls felt like, as far as it has come to the gateway: by device, boot, seq of each."""
        found: dict[tuple[int, int, int], dict[int, bytes]] = {}
        for row in self.desk.store.rows("evidence"):
            found.setdefault((row["device"], row["boot"], row["seq"]), {})[row["piece"]] = row["samples"]
        return {fall: b"".join(pieces[i] for i in sorted(pieces)) for fall, pieces in found.items()}

    # Emergencies.

    def calm(self) -> None:
        """All faults are over: everybody hears, every process runs."""
        self.say("all faults are over")
        for reception in self.ether.receptions.values():
            reception.loss = reception.late = reception.torn = reception.dropped = 0.0
            reception.deaf = False
        for hub in self.desk.hubs.values():
            hub.line = True
            if not hub.alive:
                hub.start()
        if not self.desk.alive:
            self.desk.start()
        self.desk.broker.mend()
        for line in self.lines.values():
            line.cut = False
        for sky in self.skies.values():
            sky.indoors = False
        for device in self.pendants.values():
            if device.hardware.modem:
                device.hardware.modem.faults.clear()
            if not device.dead:
                device.wear_flash()
                device.chip_answers = True
                if not device.powered:
                    device.power_on()


@contextmanager
def opened(seed: int) -> Iterator[Story]:
    """A story in a folder of its own, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="socors-sim-"))
    try:
        with World(seed, folder) as world:
            yield Story(world)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
