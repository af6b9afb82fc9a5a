"""The firmware's side of the modem bench: the real driver alone, which does what the cable orders, one method at a time.

It also knows how to be as stubborn as the courier is: `deliver` publishes one payload, whatever that takes.
"""

import sys

import _port
import _tasks

_port.connect()
sys.modules["_asyncio"] = _tasks  # the built-in one queues by the host's clock, not by ours

import asyncio  # noqa: E402
import binascii  # noqa: E402
import gc  # noqa: E402
import time  # noqa: E402

import log  # noqa: E402
from drivers import sim7080g  # noqa: E402
from machine import UART  # noqa: E402

MOST_TRIES = 60
log.print = lambda text: _port.post("log", text)


class Power:
    """The board's ModemPower, straight on the cable."""

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
        self.modem.on_lost = lambda what: _port.post("lost", what)

    async def timed(self, name, work, limit_ms=None):
        """Wait for one method; the world hears of one that takes longer than it may."""
        began = time.ticks_ms()
        limit_ms = limit_ms or sim7080g.TIMEOUTS_MS[name]
        try:
            return await work
        finally:
            took = time.ticks_diff(time.ticks_ms(), began)
            if took > limit_ms:
                _port.post("late", name, took, limit_ms)

    async def up(self):
        """From wherever it is to a session with the broker."""
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
            except sim7080g.ModemError:
                step = await self.timed("recover", self.modem.recover(step))
        return 0

    async def obey(self, name, args):
        if name in ("publish", "deliver"):
            args[1] = binascii.unhexlify(args[1])
        if name in ("deliver", "up"):
            return await getattr(self, name)(*args)
        if name == "pause":
            return await asyncio.sleep_ms(args[0])
        if name == "both":  # two tasks at once
            await asyncio.gather(*[self.obey(one[0], one[1:]) for one in args])
            return None
        if name == "heap":
            gc.collect()
            return gc.mem_alloc()
        method = getattr(self.modem, name)
        if name == "assist":  # until so many milliseconds from now somebody else wants the modem
            end = time.ticks_add(time.ticks_ms(), args[0])
            args = [lambda: time.ticks_diff(end, time.ticks_ms()) <= 0]
        if name in ("set_clock",):
            return method(*args)
        last = args[-1] if args else None
        timeout_ms = (
            last if isinstance(last, int) and name in ("register", "attach", "connect", "publish") else None
        )
        return await self.timed(name, method(*args), timeout_ms)


async def main():
    owner = Owner()
    reading = asyncio.create_task(owner.modem.run())
    order = _port.call("next", None)
    while order is not None and not reading.done():
        answer = {"fault": 0, "text": "", "value": None}
        began = time.ticks_ms()
        try:
            answer["value"] = await owner.obey(order["do"], order["a"])
        except sim7080g.ModemError as error:
            answer["fault"], answer["text"] = error.fault, error.text
        answer["took_ms"] = time.ticks_diff(time.ticks_ms(), began)
        answer["state"] = owner.modem.state
        order = _port.call("next", answer)


asyncio.run(main())
