"""What is round a watch on the real clock, and the routes that change it: hubs' reach, network, SIM, sky, place, modem."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from .chips.sim7080g import Faults, Sim7080g
from .radio.pendant_radio import Air
from .world.cellular import Cellular
from .world.line_real import PahoLine
from .world.phones import LoopScheduler, SmsCentre
from .world.realtime import RealDevice, World, now_us
from .world.sky import Sky

# Where a wearer can be at once; both lie in towns of the metropolitan area.
PLACES = {
    "home": (41.3544, 2.0710),  # a kitchen in Cornellà de Llobregat
    "beach": (41.2649, 1.9866),  # the beach of Castelldefels
}
# Seen by a page, not by firmware: ten times a second is soon enough.
LOOK_EVERY_S = 0.1
FAULTS = {one.name: type(one.default) for one in fields(Faults)}


class Reach(BaseModel):
    hubs: bool


class Place(BaseModel):
    name: str


class Indoors(BaseModel):
    indoors: bool


class Modems(BaseModel):
    scale: Annotated[float, Field(ge=0, le=1)]


@dataclass
class Watch:
    """One watch's surroundings."""

    device: RealDevice
    sky: Sky
    place: str
    hubs: bool = True
    shown: dict[str, Any] | None = None

    @property
    def modem(self) -> Sim7080g:
        modem = self.device.hardware.modem
        assert modem, "a watch has one"
        return modem

    def seen(self) -> dict[str, Any]:
        """Return what a page shows of modem and surroundings."""
        modem, faults = self.modem, self.modem.faults
        return {
            "load": modem.power.load,
            "registered": modem.radio.on_air,
            "connected": modem.mqtt.open,
            "gnss": modem.gnss.running,
            "place": self.place,
            "indoors": self.sky.indoors,
            "hubs": self.hubs,
            "number": modem.identity.number,
            "no_network": faults.no_network,
            "no_sim": faults.no_sim,
            "dark": faults.dark,
        }


class Texts(SmsCentre):
    """The SMS centre of the real clock; what it is given is shown to whoever looks at the world."""

    def __init__(self, seed: int, world: World) -> None:
        super().__init__(LoopScheduler(), random.Random(f"{seed}:texts"))
        self._world = world
        self.devices: dict[str, int] = {}  # by the number of their SIM

    def send(self, sender: str, recipient: str, text: str, done: Callable[[bool], None]) -> None:
        for own in (sender, recipient):
            if own in self.devices:
                said = {"from": sender, "to": recipient, "text": text, "own": own == sender}
                self._world.notice(self.devices[own], "text", said)
        super().send(sender, recipient, text, done)


class Outdoors:
    """All watches of one world."""

    def __init__(self, world: World, air: Air, texts: Texts, seed: int) -> None:
        self._world, self._air, self._texts, self._seed = world, air, texts, seed
        self.watches: dict[int, Watch] = {}
        self.scale = 1.0

    def add(self, number: int, folder: Any, battery_percent: float) -> None:
        """Switch a watch on: at home, a hub in reach as its air has it."""
        sky = Sky(random.Random(f"{self._seed}:sky:{number}"), *PLACES["home"])
        chance = random.Random(f"{self._seed}:modem:{number}")
        cellular = Cellular(LoopScheduler(), PahoLine(), sky, self._texts, chance)
        device = self._world.add(number, folder, battery_percent, "watch", cellular)
        watch = self.watches[number] = Watch(device, sky, "home")
        watch.modem.delays.scale = self.scale
        self._texts.devices[watch.modem.identity.number] = number

    def set_scale(self, scale: float) -> None:
        """Let every modem and the SMS centre take so much of their time: 0 nothing, 1 as real ones."""
        self.scale = self._texts.weather.scale = scale
        for watch in self.watches.values():
            watch.modem.delays.scale = scale

    async def run(self) -> None:
        """Tell whoever listens when a modem or what is round it has changed."""
        while True:
            for number, watch in self.watches.items():
                self._look(number, watch)
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, number: int, watch: Watch) -> None:
        seen = watch.seen()
        if seen != watch.shown:
            watch.shown = seen
            self._world.notice(number, "outdoors", seen)

    # What a visitor does.

    def watch(self, number: int) -> Watch:
        found = self.watches.get(number)
        if found is None:
            raise HTTPException(404, f"There is no watch {number}: add one with POST /devices.")
        return found

    def reach(self, number: int, hubs: bool) -> None:
        """Let hubs hear the watch's Bluetooth, or none of them."""
        self.watch(number).hubs = hubs
        self._air.reach(number, hubs)

    def go(self, number: int, name: str) -> None:
        """Be at another place at once; away from home no hub hears the watch."""
        if name not in PLACES:
            raise HTTPException(422, f"There is no place {name}: use one of {', '.join(PLACES)}.")
        watch = self.watch(number)
        watch.place = name
        watch.sky.go(now_us(), *PLACES[name])
        self.reach(number, name == "home")


def add_routes(app: FastAPI, outdoors: Outdoors) -> None:
    @app.post("/modems")
    async def modems(said: Modems) -> dict[str, float]:
        """How much of their time modems and SMS take: 0 nothing (the chain alone), 1 as real ones do."""
        outdoors.set_scale(said.scale)
        return {"scale": said.scale}

    @app.post("/devices/{number}/reach")
    async def reach(number: int, said: Reach) -> dict[str, bool]:
        """Whether any hub hears this watch."""
        outdoors.reach(number, said.hubs)
        return {"hubs": said.hubs}

    @app.post("/devices/{number}/place")
    async def place(number: int, said: Place) -> dict[str, str]:
        """The wearer is at home, or on the beach: no hub is there."""
        outdoors.go(number, said.name)
        return {"place": said.name}

    @app.post("/devices/{number}/indoors")
    async def indoors(number: int, said: Indoors) -> dict[str, bool]:
        """A roof over the wearer: hardly a satellite is seen."""
        outdoors.watch(number).sky.indoors = said.indoors
        return {"indoors": said.indoors}

    @app.post("/devices/{number}/faults")
    async def faults(number: int, said: dict[str, bool | int | float]) -> dict[str, Any]:
        """Let the modem misbehave: any attribute of its `Faults`."""
        modem = outdoors.watch(number).modem
        unknown = [name for name in said if name not in FAULTS]
        if unknown:
            raise HTTPException(422, f"There is no fault {unknown[0]}: use one of {', '.join(FAULTS)}.")
        for name, value in said.items():
            setattr(modem.faults, name, FAULTS[name](value))
        return {name: getattr(modem.faults, name) for name in said}
