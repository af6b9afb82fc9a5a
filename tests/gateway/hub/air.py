"""A hub's unmodified radio in a simulated air of this very process: pendants that are only radios, doors for hubs."""

import asyncio
import contextlib
import os

from sos_gateway.hub.bluetooth import Bluetooth
from sos_wire import advert, kinds

from simulator import bleak_backend
from simulator.radio.pendant_radio import Air

SERVICE = [[kinds.GATT_SERVICE, [[kinds.GATT_UP, 0x12, 3], [kinds.GATT_DOWN, 0x08, 6]]]]
UP, DOWN = 3, 6
PATIENCE_S = 20


def a_frame(alias=b"alias", rest=None):
    return b"\x11" + alias + (os.urandom(18) if rest is None else rest)


async def until(what, condition):
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never came true: {what}") from None


class Pendants:
    """The devices' side: what a firmware would ask of its radio, and what it would be told."""

    def __init__(self, air):
        self.air = air
        self.told = []
        air.send = lambda device, name, *args: self.told.append((device, name, *args))

    async def add(self, device):
        self.air.add(device)
        await self.air[device]._ready
        self.air.active(device, True)
        self.air.services(device, SERVICE)

    def show(self, device, frame, interval_us=20_000):
        self.air.silence(device)
        self.air.address(device, 3)
        self.air.advertise(device, interval_us, advert.build(frame), True)

    def written(self, device):
        return [bytes.fromhex(told[4]) for told in self.told if told[:2] == (device, "ble.write")]

    def count(self, device, what):
        return sum(told[:2] == (device, what) for told in self.told)


class Ear:
    """One hub's Bluetooth in the air, and what it says of what it heard and wrote."""

    def __init__(self, port):
        self.adapter = f"tcp-client:127.0.0.1:{port}"
        self.heard, self.reports = [], []
        self.radio = Bluetooth(
            adapter=self.adapter,
            backend=(bleak_backend.Scanner, bleak_backend.Client),
            company=kinds.COMPANY_TEST,
            heard=lambda *heard: self.heard.append(heard),
            written=lambda *report: self.reports.append(report),
        )

    def frames(self):
        return {frame for frame, _ in self.heard}


@contextlib.asynccontextmanager
async def ears(air, *names):
    """Hubs that listen and carry, one for each name."""
    made = [Ear(await air.open_hub(name)) for name in names]
    tasks = [asyncio.create_task(run()) for ear in made for run in (ear.radio.listen, ear.radio.work)]
    try:
        for ear in made:
            await until("the adapter is open", lambda ear=ear: ear.adapter in bleak_backend._adapters)
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for ear in made:
            await bleak_backend.forget(ear.adapter)


def play(story, seed=1):
    """Run a story(air, pendants) in an air of its own."""

    async def whole():
        air = Air(seed)
        try:
            await story(air, Pendants(air))
        finally:
            await air.close()

    asyncio.run(whole())
