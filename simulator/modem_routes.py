"""The watch over HTTP: its modem's misbehaviours and delays, and the sky above it."""

import dataclasses
import random
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from .chips.sim7080g import Faults, Sim7080g
from .world.cellular import Cellular
from .world.line_real import PahoLine
from .world.phones import LoopScheduler
from .world.realtime import now_us
from .world.sky import Sky

if TYPE_CHECKING:
    from .server import Steering

FAULTS = dataclasses.asdict(Faults())  # each at its default: none of them happens


class ModemOrder(BaseModel):
    """What is left out stays as it is."""

    fault: str | None = None  # by its name in chips/sim7080g/faults.py
    value: bool | int | float = True
    clear: bool = False  # first end every misbehaviour
    delays: Annotated[float | None, Field(ge=0, le=100)] = None  # of the table; 0 leaves them out


class Heaven(BaseModel):
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    within_s: Annotated[float, Field(ge=0, le=86_400)] = 0  # the way there takes so long; 0: be there now
    indoors: bool | None = None


def cellular(steering: "Steering", number: int) -> Cellular:
    """Return what a new watch's modem stands between: the real network, its own sky, everybody's SMS centre."""
    seed = steering.seed
    sky = steering.skies[number] = Sky(random.Random(f"{seed}:sky:{number}"))
    chance = random.Random(f"{seed}:modem:{number}")
    return Cellular(LoopScheduler(), PahoLine(), sky, steering.texts, chance)


def state_of(modem: Sim7080g) -> dict[str, Any]:
    faults = dataclasses.asdict(modem.faults)
    return {
        "power": modem.power.state,
        "load": modem.power.load,
        "delays": modem.delays.scale,
        "faults": {name: value for name, value in faults.items() if value != FAULTS[name]},
        "unknown": modem.unknown,
    }


def _modem(steering: "Steering", number: int) -> Sim7080g:
    modem = steering.device(number).hardware.modem
    if modem is None:
        raise HTTPException(404, f"Device {number} has no modem: it is no watch.")
    return modem


def modem_routes(app: FastAPI, steering: "Steering") -> None:
    @app.post("/devices/{number}/modem")
    async def modem(number: int, said: ModemOrder) -> dict[str, Any]:
        """Set or end a misbehaviour of the modem, or scale its delays."""
        found = _modem(steering, number)
        if said.fault is not None and said.fault not in FAULTS:
            raise HTTPException(422, f"There is no fault {said.fault}: use one of {', '.join(FAULTS)}.")
        if said.clear:
            found.faults.clear()
        if said.fault is not None:
            setattr(found.faults, said.fault, type(FAULTS[said.fault])(said.value))
            steering.world.notice(number, "modem fault", [said.fault, said.value])
        if said.delays is not None:
            found.delays.scale = said.delays
        return state_of(found)

    @app.post("/devices/{number}/sky")
    async def sky(number: int, said: Heaven) -> dict[str, Any]:
        """Put the wearer under a roof or into the open, or let her walk somewhere."""
        _modem(steering, number)
        found = steering.skies[number]
        if said.indoors is not None:
            found.indoors = said.indoors
        if said.lat is not None and said.lon is not None:
            now = now_us()
            found.go(now, *found.place(now))
            found.go(now + round(said.within_s * 1e6), said.lat, said.lon)
        lat, lon = found.place(now_us())
        return {"lat": lat, "lon": lon, "indoors": found.indoors}
