"""The hub's radio: listens always, connects only to carry an answer it was asked to carry."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from sos_wire import kinds

# A scan that reports nothing at all for so long has stalled, as scans do: it is started again. In a quiet house that
# happens for nothing and costs some milliseconds.
STALLED_S = 120.0
# Addresses rotate and are remembered by every scanner: started again so often, or after so many, none grows. A street
# has some thousand an hour; whoever makes up hundreds a second costs us a start every some seconds.
RESTART_S = 1800.0
LOOK_S = 1.0
# A radio that does not even answer "start" or "stop" in this time is asked anew.
START_S = 10.0
MOST_ADDRESSES = 5000
# Who was heard a moment ago is heard again within some intervals of 100 ms, or talks to another hub by now.
CONNECT_S = 0.4
# Advertising comes at 100 ms at the slowest: who was not heard for so long is not there, or talks to another hub.
SEEN_WITHIN_S = 0.15
# Discovery and each exchange take milliseconds. Who accepts a connection and then says nothing must not hold up others.
SILENT_S = 2.0
# Aliases heard lately: a burst of pendants many times the size of what one hub can hear.
MOST_SEEN = 2000
# As many connections as ordinary adapters hold.
MOST_CONNECTIONS = 7
# After an answer was written the device has something to say, and the gateway answers that.
LINGER_S = 1.0
MOST_ORDERS = 200
# What comes over an open connection is as near as can be: the gateway prefers the hub that has it.
CONNECTED_RSSI = 0

log = logging.getLogger("socors.hub")


@dataclass(slots=True)
class Order:
    """One answer to carry: look for these aliases, write this frame, give up at `until`."""

    id: int
    aliases: frozenset[bytes]
    frame: bytes
    until_ms: int
    state: int | None = None  # the one in the frame, as far as the gateway says


class Bluetooth:
    """Scanner, and at most one connection at a time."""

    def __init__(
        self,
        *,
        adapter: str,
        backend: tuple[Any, Any],
        company: int,
        heard: Callable[[bytes, int], None],
        written: Callable[[int, bool, str], None],
    ) -> None:
        self._adapter = adapter
        self._scanner_backend, self._client_backend = backend
        self._company = company
        self._heard = heard
        self._written = written
        self._orders: list[Order] = []
        self._work = asyncio.Event()
        self._last_seen: dict[bytes, tuple[float, BLEDevice]] = {}
        self._open: list[tuple[frozenset[bytes], asyncio.Queue[Order | None]]] = []
        self._carrying: set[asyncio.Task[None]] = set()
        self.last_report = time.monotonic()
        self._addresses: set[str] = set()
        self.restarts = 0
        self.odd_lengths = 0  # what came under our identifier and is no frame

    # Listening.

    async def listen(self) -> None:
        """Scan until cancelled; start again when the scan stalls, fails, or has run for long."""
        while True:
            try:
                await self._scan()
            except (BleakError, OSError, TimeoutError) as error:
                log.warning("the scan failed: %s; again in 2 s", error or type(error).__name__)
                await asyncio.sleep(2)
            self.restarts += 1

    async def _scan(self) -> None:
        """Scan until it stalls, has run for long, or has heard many."""
        scanner = self._scanner()
        async with asyncio.timeout(START_S):
            await scanner.start()
        try:
            self.last_report = started = time.monotonic()
            self._addresses.clear()
            while (
                time.monotonic() - self.last_report < STALLED_S
                and time.monotonic() - started < RESTART_S
                and len(self._addresses) < MOST_ADDRESSES
            ):
                await asyncio.sleep(LOOK_S)
        finally:
            async with asyncio.timeout(START_S):
                await scanner.stop()

    def _scanner(self) -> BleakScanner:
        return BleakScanner(
            self._detected,
            scanning_mode="passive" if self._scanner_backend else "active",
            bluez={"adapter": self._adapter},
            backend=self._scanner_backend,
        )

    def _detected(self, device: BLEDevice, said: AdvertisementData) -> None:
        self.last_report = time.monotonic()
        self._addresses.add(device.address)
        frame = said.manufacturer_data.get(self._company)
        if frame is None:
            return
        if len(frame) != kinds.FRAME_BYTES[kinds.FORM_SHORT]:
            self.odd_lengths += 1
            return
        alias = bytes(frame[1:6])
        self._last_seen.pop(alias, None)
        self._last_seen[alias] = (self.last_report, device)
        if len(self._last_seen) > MOST_SEEN:
            del self._last_seen[next(iter(self._last_seen))]  # the one heard longest ago
        self._heard(bytes(frame), said.rssi)
        if any(alias in order.aliases for order in self._orders):
            self._work.set()

    # Carrying.

    def carry(self, order: Order) -> None:
        """Take an order; one for a device we are connected to goes out at once."""
        self._orders = [o for o in self._orders if o.id != order.id or not order.id]
        if order.until_ms < time.time() * 1000:
            return  # withdrawn: another hub has carried it
        for aliases, queue in self._open:
            if aliases & order.aliases:
                queue.put_nowait(order)
                return
        self._orders = [*self._orders, order][-MOST_ORDERS:]
        self._work.set()

    async def work(self) -> None:
        """Carry orders until cancelled: rows (alarms) before one-off answers, newest first."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                while len(self._carrying) < MOST_CONNECTIONS and (found := self._next()) is not None:
                    # One request at a time, chosen when the radio is free: an older choice may be elsewhere by now.
                    connected = await self._connect(*found)
                    if connected is None:
                        continue
                    task = asyncio.create_task(self._converse(found[0], *connected), name="converse")
                    self._carrying.add(task)
                    task.add_done_callback(self._carried)
        finally:
            for task in self._carrying:
                task.cancel()

    def _carried(self, task: "asyncio.Task[None]") -> None:
        self._carrying.discard(task)
        self._work.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("carrying an answer failed", exc_info=task.exception())

    def _next(self) -> tuple[Order, BLEDevice] | None:
        now_ms = time.time() * 1000
        for order in [o for o in self._orders if o.until_ms < now_ms]:
            self._orders.remove(order)
            self._written(order.id, False, "not heard in time")
        for order in sorted(self._orders, key=lambda o: (not o.id, -o.until_ms)):
            for alias in order.aliases:
                seen = self._last_seen.get(alias)
                if seen and time.monotonic() - seen[0] < SEEN_WITHIN_S:
                    self._orders.remove(order)
                    return order, seen[1]
        return None

    async def _connect(
        self, order: Order, device: BLEDevice
    ) -> tuple[BleakClient, asyncio.Queue[Order | None]] | None:
        """Return a connection and its queue, in which None is its end; None, and a report, when there is none."""
        queue: asyncio.Queue[Order | None] = asyncio.Queue()
        client = BleakClient(
            device,
            disconnected_callback=lambda _: queue.put_nowait(None),
            timeout=CONNECT_S,
            bluez={"adapter": self._adapter},
            backend=self._client_backend,
        )
        try:
            async with asyncio.timeout(CONNECT_S + SILENT_S):
                await client.connect()
        except (BleakError, TimeoutError, OSError) as error:
            self._written(order.id, False, str(error)[:200] or type(error).__name__)
            await self._leave(client)
            return None
        return client, queue

    async def _converse(self, order: Order, client: BleakClient, queue: asyncio.Queue[Order | None]) -> None:
        """Write the answer, take what the device says to it, carry what the gateway says to that."""
        entry = (order.aliases, queue)
        self._open.append(entry)
        try:
            await self._write(client, order, listen=True)
            await self._stay(client, queue)
        except (BleakError, TimeoutError, OSError) as error:
            log.debug("the conversation ended: %s", error)
        finally:
            self._open.remove(entry)
            while not queue.empty():
                if (left := queue.get_nowait()) is not None:
                    self.carry(left)
            await self._leave(client)

    async def _stay(self, client: BleakClient, queue: asyncio.Queue[Order | None]) -> None:
        """Carry what else comes for this device, until it is gone or a second passes without anything."""
        while True:
            try:
                async with asyncio.timeout(LINGER_S):
                    order = await queue.get()
            except TimeoutError:
                return
            if order is None:
                return
            await self._write(client, order)

    async def _write(self, client: BleakClient, order: Order, listen: bool = False) -> None:
        try:
            async with asyncio.timeout(SILENT_S):
                if listen:
                    await client.start_notify(kinds.GATT_UP, lambda _, data: self._notified(bytes(data)))
                await client.write_gatt_char(kinds.GATT_DOWN, order.frame, response=True)
        except (BleakError, TimeoutError, OSError):
            self._written(order.id, False, "the connection ended")
            raise
        self._written(order.id, True, "")

    def _notified(self, frame: bytes) -> None:
        if len(frame) not in kinds.FORM_OF_LENGTH:
            self.odd_lengths += 1
            return
        self._heard(frame, CONNECTED_RSSI)

    @staticmethod
    async def _leave(client: BleakClient) -> None:
        try:
            async with asyncio.timeout(SILENT_S):
                await client.disconnect()
        except (BleakError, TimeoutError, OSError) as error:
            log.debug("leaving: %s", error)
