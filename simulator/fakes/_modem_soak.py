"""The firmware's side of the modem soak: the real driver, and an owner as stubborn as the courier; orders come by the cable.

An order is one interleaving: a payload that must reach the broker, whatever the modem does meanwhile.
"""

import sys

import _port
import _tasks

_port.connect()
sys.modules["_asyncio"] = _tasks  # the built-in one queues by the host's clock, not by ours

import asyncio  # noqa: E402
import binascii  # noqa: E402
import time  # noqa: E402

import log  # noqa: E402
from drivers import sim7080g  # noqa: E402
from machine import UART  # noqa: E402

MOST_TRIES = 60
_VERBOSE = _port.hello["verbose"]
log.print = lambda text: _port.post("log", text) if _VERBOSE else None


class Power:
    def rail(self, on):
        _port.post("rail", on)

    def antenna(self, on):
        _port.post("antenna", on)

    def pwrkey(self, low):
        _port.post("pwrkey", low)

    def dtr(self, high):
        _port.post("dtr", high)


class Owner:
    """Does what the courier does with a modem, and times every call."""

    def __init__(self):
        self.modem = sim7080g.Modem(UART(1, rxbuf=2048), Power(), _port.hello["network"])
        self.modem.on_down = lambda payload: _port.post("down", binascii.hexlify(payload).decode())
        self.modem.on_sms = lambda number, text: _port.post("sms", number, text)
        self.modem.set_clock(_port.hello["unix_s"])

    async def timed(self, name, work, limit_ms=None):
        """Wait for one method; the world hears how long it took, and what it should have taken at the most."""
        began = time.ticks_ms()
        limit_ms = limit_ms or sim7080g.TIMEOUTS_MS[name]
        try:
            return await work
        finally:
            took = time.ticks_diff(time.ticks_ms(), began)
            if took > limit_ms:
                _port.post("late", name, took, limit_ms)

    async def up(self):
        modem = self.modem
        if modem.state in (sim7080g.OFF, sim7080g.ASLEEP, sim7080g.BOOTING):
            await self.timed("start", modem.start())
        if modem.state == sim7080g.GNSS:
            await self.timed("gnss", modem.gnss(False))
        if not modem.connected:
            await self.timed("register", modem.register())
            await self.timed("attach", modem.attach())
            await self.timed("connect", modem.connect())

    async def deliver(self, topic, payload, timeout_ms):
        """Publish until it is said to be published; return how many tries that took, or 0 for a lost alarm."""
        step = 0
        for tries in range(1, MOST_TRIES + 1):
            try:
                await self.up()
                await self.timed("publish", self.modem.publish(topic, payload, timeout_ms), timeout_ms)
                return tries
            except sim7080g.ModemError as error:
                _port.post("fault", error.fault)
            step = await self.timed("recover", self.modem.recover(step))
        return 0


async def main():
    owner = Owner()
    asyncio.create_task(owner.modem.run())
    order = _port.call("next", None)
    while order is not None:
        await asyncio.sleep_ms(order["pause_ms"])
        outcome = await owner.deliver(order["topic"], binascii.unhexlify(order["payload"]), order["ms"])
        order = _port.call("next", outcome)


asyncio.run(main())
