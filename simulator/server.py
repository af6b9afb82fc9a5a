"""The world on the real clock, steered over HTTP: buttons to press, bodies to drop, light and vibration to watch."""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import logging
import socket
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from fastapi import Path as PathName
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from .chips.gsm_stick import GsmStick
from .falls import recordings
from .feed import Feed
from .outdoors import Outdoors, Texts, add_routes
from .provisioning import provision
from .radio.pendant_radio import Air
from .world import firmware
from .world.body import MOTIONS
from .world.realtime import RealDevice, World, now_us

PAGE = Path(__file__).with_name("visitor")
CLICK_S, GAP_S = 0.12, 0.15
# A page that was closed cannot lift its finger any more; longer than the firmware needs to call a button stuck.
LONGEST_TOUCH_S = 60
NUMBER = r"^\+?[0-9]{3,20}$"
RECORDED_FALL = "recorded-fall"


class NewDevice(BaseModel):
    secret_file: Path
    settings: dict[str, int | str] = {}
    battery_percent: Annotated[float, Field(ge=0, le=100)] = 100


class Press(BaseModel):
    ms: Annotated[int, Field(ge=1, le=60_000)] = 1100


class Touch(BaseModel):
    down: bool


class Clicks(BaseModel):
    count: Annotated[int, Field(ge=1, le=20)]


class Charge(BaseModel):
    percent: Annotated[float, Field(ge=0, le=100)]


class Motion(BaseModel):
    name: str = "fall"


class Usb(BaseModel):
    attached: bool


class NewAir(BaseModel):
    seed: int


class Reception(BaseModel):
    loss: Annotated[float | None, Field(ge=0, le=1)] = None
    deaf: bool | None = None
    rssi: Annotated[int | None, Field(ge=-127, le=20)] = None


class Text(BaseModel):
    to: Annotated[str, Field(pattern=NUMBER)]
    text: Annotated[str, Field(max_length=160)]


class Post(BaseModel):
    """What becomes of texts; what is left out stays as it is."""

    loss: Annotated[float | None, Field(ge=0, le=1)] = None
    doubled: Annotated[float | None, Field(ge=0, le=1)] = None
    refused: Annotated[float | None, Field(ge=0, le=1)] = None
    scale: Annotated[float | None, Field(ge=0, le=100)] = None


class Plug(BaseModel):
    plugged: bool


class Steering:
    """World and air behind the routes."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.air = Air(seed)
        self.world = World(self.air)
        self.air.send = self._send
        self.texts = Texts(seed, self.world)
        self.outdoors = Outdoors(self.world, self.air, self.texts, seed)
        self.sticks: dict[str, GsmStick] = {}
        self.telephones: dict[str, list[dict[str, str]]] = {}
        self.feed = Feed()
        self.world.listeners.add(self.feed.add)
        self.tasks: set[asyncio.Task] = set()
        self._touches: dict[int, asyncio.TimerHandle] = {}

    def _send(self, device: int, name: str, *args: Any) -> None:
        self.world.devices[device].hardware.hear(name, *args)

    def device(self, number: int) -> RealDevice:
        found = self.world.devices.get(number)
        if found is None:
            raise HTTPException(404, f"There is no device {number}: add it with POST /devices.")
        return found

    def stick(self, number: str) -> GsmStick:
        found = self.sticks.get(number)
        if found is None:
            raise HTTPException(404, f"There is no stick {number}: open it with POST /sticks/{number}.")
        return found

    def telephone(self, number: str) -> list[dict[str, str]]:
        """Return what a telephone has received; a new one is switched on."""
        if number not in self.telephones:
            got = self.telephones[number] = []
            self.texts.attach(number, lambda sender, text: got.append({"from": sender, "text": text}))
        return self.telephones[number]

    def later(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def touch(self, device: RealDevice, down: bool) -> None:
        """A finger that stays down for as long as it really does."""
        if handle := self._touches.pop(device.number, None):
            handle.cancel()
        device.hardware.set_input("button", 0 if down else 1)
        if down:
            loop = asyncio.get_running_loop()
            self._touches[device.number] = loop.call_later(LONGEST_TOUCH_S, self.touch, device, False)

    async def hold(self, device: RealDevice, seconds: float) -> None:
        device.hardware.set_input("button", 0)
        await asyncio.sleep(seconds)
        device.hardware.set_input("button", 1)

    async def click(self, device: RealDevice, count: int) -> None:
        for _ in range(count):
            await self.hold(device, CLICK_S)
            await asyncio.sleep(GAP_S)


def create_app(steering: Steering) -> FastAPI:
    """Return the control application."""
    app = FastAPI(title="Socors simulator", docs_url=None, redoc_url=None)
    _device_routes(app, steering)
    _body_routes(app, steering)
    _world_routes(app, steering)
    add_routes(app, steering.outdoors)
    _text_routes(app, steering)
    app.mount("/visitor", StaticFiles(directory=PAGE), name="visitor")

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/firmware")
    async def which() -> dict[str, str]:
        return {"sha256": firmware.sha256()}

    @app.get("/events")
    async def events(last_event_id: Annotated[str | None, Header()] = None) -> EventSourceResponse:
        """Every pin that moves, every boot and sleep; a browser that comes back hears what it has missed."""
        return EventSourceResponse(
            steering.feed.follow(last_event_id),
            ping=10,
            ping_message_factory=lambda: ServerSentEvent(event="ping", data="{}"),
        )

    return app


def _world_routes(app: FastAPI, steering: Steering) -> None:
    @app.post("/air")
    async def air(said: NewAir) -> dict[str, int]:
        """Begin the air's losses, walls and delays anew from a seed."""
        steering.air.link.begin(said.seed)
        return {"seed": said.seed}

    @app.post("/hubs/{name}")
    async def hub(name: str) -> dict[str, int]:
        """Open the HCI door of a hub; its adapter is tcp-client:127.0.0.1:PORT."""
        return {"port": await steering.air.open_hub(name)}

    @app.post("/hubs/{name}/reception")
    async def reception(name: str, said: Reception) -> dict[str, Any]:
        found = steering.air.hubs.get(name)
        if found is None:
            raise HTTPException(404, f"There is no hub {name}: open it with POST /hubs/{name}.")
        for field, value in said.model_dump(exclude_none=True).items():
            setattr(found, field, value)
        return {"loss": found.loss, "deaf": found.deaf, "rssi": found.rssi}


def _text_routes(app: FastAPI, steering: Steering) -> None:
    @app.post("/texts")
    async def texts(said: Post) -> dict[str, float]:
        """Change what the SMS centre does to texts."""
        weather = steering.texts.weather
        for field, value in said.model_dump(exclude_none=True).items():
            setattr(weather, field, value)
        return dataclasses.asdict(weather)

    @app.post("/sticks/{number}")
    async def open_stick(number: Annotated[str, PathName(pattern=NUMBER)]) -> dict[str, str]:
        """Plug in a GSM stick with this number; the path is a hub's SOCORS_HUB_SMS_PORT."""
        if number not in steering.sticks:
            path = steering.folder.absolute() / f"stick-{number}"
            steering.sticks[number] = GsmStick(number, steering.texts, path)
            steering.sticks[number].plug()
        return {"path": str(steering.sticks[number].path)}

    @app.get("/sticks/{number}")
    async def stick(number: str) -> dict[str, Any]:
        found = steering.stick(number)
        return {
            "plugged": found.plugged,
            "memory": len(found.memory),
            "sent": len(found.sent),
            "unknown": found.unknown,
        }

    @app.post("/sticks/{number}/plug")
    async def plug(number: str, said: Plug) -> dict[str, bool]:
        """Pull the stick out, or put it in again."""
        found = steering.stick(number)
        if said.plugged != found.plugged:
            found.plug() if said.plugged else found.unplug()
        return {"plugged": found.plugged}

    @app.post("/telephones/{number}/texts")
    async def send(number: Annotated[str, PathName(pattern=NUMBER)], said: Text) -> dict[str, bool]:
        """Somebody's telephone sends a text; the answer is whether the centre took it."""
        steering.telephone(number)
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        steering.texts.send(number, said.to, said.text, taken.set_result)
        return {"taken": await taken}

    @app.get("/telephones/{number}/texts")
    async def received(number: Annotated[str, PathName(pattern=NUMBER)]) -> list[dict[str, str]]:
        """Return what a telephone has received since it was first asked or first sent."""
        return steering.telephone(number)


def _device_routes(app: FastAPI, steering: Steering) -> None:
    @app.post("/devices")
    async def add(said: NewDevice) -> dict[str, Any]:
        """Provision a device from a secrets file and switch it on; one with a network in it is a watch."""
        secrets = json.loads(said.secret_file.read_text())
        number = secrets["device"]
        folder = steering.folder / str(number)
        await asyncio.to_thread(provision, folder, said.secret_file, said.settings)
        steering.air.add(number)
        add = steering.outdoors.add if "network" in secrets else steering.world.add
        add(number, folder, said.battery_percent)
        return {"device": number}

    @app.get("/devices")
    async def devices() -> list[int]:
        return sorted(steering.world.devices)

    @app.get("/devices/{number}")
    async def state(number: int) -> dict[str, Any]:
        device = steering.device(number)
        hardware = device.hardware
        watch = steering.outdoors.watches.get(number)
        return {
            "device": number,
            "board": hardware.board,
            "outdoors": watch.seen() if watch else None,
            "asleep": device.asleep,
            "destroyed": device.dead,
            "state": hardware.state,
            "pins": hardware.pins_by_signal(),
            "state_s": {name: round(us / 1e6, 3) for name, us in hardware.state_us.items()},
            "battery_percent": round(100 * hardware.battery.share, 2),
        }

    @app.post("/devices/{number}/press")
    async def press(number: int, said: Press) -> dict[str, bool]:
        """The finger goes down now and up after so many milliseconds."""
        steering.later(steering.hold(steering.device(number), said.ms / 1000))
        return {"ok": True}

    @app.post("/devices/{number}/button")
    async def button(number: int, said: Touch) -> dict[str, bool]:
        """The finger goes down, or up: the caller keeps the time."""
        steering.touch(steering.device(number), said.down)
        return {"down": said.down}

    @app.post("/devices/{number}/clicks")
    async def clicks(number: int, said: Clicks) -> dict[str, bool]:
        steering.later(steering.click(steering.device(number), said.count))
        return {"ok": True}


def _body_routes(app: FastAPI, steering: Steering) -> None:
    @app.get("/motions")
    async def motions() -> list[str]:
        """What a body can do here; a recorded fall only where the recordings are."""
        return [*MOTIONS, *([RECORDED_FALL] if recordings.available() else [])]

    @app.post("/devices/{number}/motion")
    async def motion(number: int, said: Motion) -> dict[str, float]:
        """The body moves: fall, walk, swing, get-up, recorded-fall."""
        body = steering.device(number).hardware.body
        known = await motions()
        if said.name not in known:
            raise HTTPException(422, f"There is no motion {said.name}: use one of {', '.join(known)}.")
        if said.name == RECORDED_FALL:
            seconds = body.play_trace(await asyncio.to_thread(recordings.kitchen_fall), now_us())
        else:
            seconds = body.play(said.name, now_us())
        steering.world.notice(number, "motion", said.name)
        return {"seconds": seconds}

    @app.post("/devices/{number}/battery")
    async def battery(number: int, said: Charge) -> dict[str, float]:
        """Another charge at once, so that a low battery can be played."""
        steering.device(number).hardware.set_charge(said.percent)
        return {"percent": said.percent}

    @app.post("/devices/{number}/usb")
    async def usb(number: int, said: Usb) -> dict[str, bool]:
        steering.device(number).hardware.set_input("usb_sense", int(said.attached))
        return {"attached": said.attached}

    @app.post("/devices/{number}/destroy")
    async def destroy(number: int) -> dict[str, bool]:
        """The device is smashed and never boots again."""
        steering.device(number).destroy()
        return {"destroyed": True}


async def serve(port: int, folder: Path, seed: int) -> None:
    """Run world, air and control until told to stop."""
    folder.mkdir(parents=True, exist_ok=True)
    steering = Steering(folder, seed)
    await steering.world.open()
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(
        uvicorn.Config(create_app(steering), log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    )
    living = [asyncio.create_task(part.run()) for part in (steering.world, steering.outdoors)]
    try:
        await server.serve(sockets=[listener])
    finally:
        for stick in steering.sticks.values():
            stick.unplug()
        for task in living:
            task.cancel()
        await asyncio.gather(*living, return_exceptions=True)
        steering.world.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="control port; 0: a free one, printed")
    parser.add_argument("--devices", type=Path, required=True, help="folder for the devices' flash")
    parser.add_argument("--seed", type=int, default=0, help="seed of the air")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    # Bumble knows no address of a legacy advertiser that is not its own Device's; ours is the controller's.
    logging.getLogger("bumble.device").setLevel(logging.ERROR)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.devices, options.seed))


if __name__ == "__main__":
    main()
