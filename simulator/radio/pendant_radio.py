"""The radio of each device: what the `bluetooth` fake asks for, carried out by Bumble; and hubs that come in by HCI."""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bumble import hci, ll
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.host import Host
from bumble.transport.common import PacketParser

from .link import AirController, AirLink, Reception

log = logging.getLogger("socors.radio")


def non_resolvable_address() -> hci.Address:
    """A fresh private address with its two highest bits clear, as `config(addr_mode=3)` makes one."""
    raw = bytearray(os.urandom(6))
    raw[5] &= 0x3F
    return hci.Address(bytes(raw), hci.Address.RANDOM_DEVICE_ADDRESS)


class PendantRadio:
    """One device's controller and GATT server; they outlive its firmware's process, its connections do not."""

    def __init__(self, number: int, link: AirLink, send: Callable[..., None]) -> None:
        self.number = number
        self._link = link
        self._send = send
        self.controller = AirController(f"pendant {number}", link=link)
        self.controller.random_address = non_resolvable_address()
        self.controller.le_legacy_advertiser.own_address_type = hci.Address.RANDOM_DEVICE_ADDRESS
        host = Host(controller_source=self.controller, controller_sink=self.controller)  # type: ignore[arg-type]
        self.device = Device(host=host, address=self.controller.random_address)
        self._characteristics: dict[int, Characteristic] = {}
        self._values: dict[int, bytes] = {}
        self._connection: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._data = b""
        self._interval_s = 1.0
        self.on = False
        self._tasks: set[asyncio.Task] = set()
        self._ready = asyncio.get_running_loop().create_task(self._power_on())

    async def _power_on(self) -> None:
        await self.device.power_on()
        self.device.on("connection", self._connected)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_told)

    # The bluetooth module's wishes.

    def active(self, on: bool) -> None:
        self.on = on
        if not on:
            self.silence()
            self._cut()

    def _cut(self) -> None:
        """The connection is gone without a word; the other side notices after the supervision time-out."""
        if self._connection is not None:
            self._connection = None
            self._link.lose(self.controller)
            self.device.connections.clear()

    def reach(self, heard: bool) -> None:
        """Be near enough to hubs, or too far from all of them."""
        if heard:
            self._link.away.discard(self.controller)
            return
        self._link.away.add(self.controller)
        if (connection := self._connection) is not None:
            self._cut()
            self._send("ble.disconnected", 1, bytes(connection.peer_address).hex())

    def services(self, services: list) -> None:
        if self._characteristics:
            return  # the same firmware again after deep sleep: the table is as it was
        for uuid, characteristics in services:
            made = [self._characteristic(*row) for row in characteristics]
            self.device.add_service(Service(uuid, made))

    def _characteristic(self, uuid: str, flags: int, handle: int) -> Characteristic:
        def read(connection: Any) -> bytes:
            return self._values.get(handle, b"")

        def write(connection: Any, value: bytes) -> None:
            self._send("ble.write", 1, handle, bytes(value).hex())

        permissions = Characteristic.READABLE | Characteristic.WRITEABLE
        value = CharacteristicValue(read=read, write=write)
        self._characteristics[handle] = Characteristic(
            uuid, Characteristic.Properties(flags & 0x3E), permissions, value
        )
        return self._characteristics[handle]

    def value(self, handle: int, value: bytes) -> None:
        self._values[handle] = value

    def notify(self, handle: int, value: bytes) -> None:
        if self._connection is not None:
            self._spawn(self.device.notify_subscriber(self._connection, self._characteristics[handle], value))

    def disconnect(self) -> None:
        if self._connection is not None:
            self._spawn(self._connection.disconnect())

    def address(self) -> None:
        self.controller.random_address = non_resolvable_address()

    # Advertising, on a clock of its own: 20 ms are 20 ms.

    def advertise(self, interval_us: int, data: bytes) -> None:
        self.silence()
        if self._connection is not None:
            return
        self._interval_s, self._data = interval_us / 1e6, data
        self.controller.le_legacy_advertiser.enabled = True
        self._fire()

    def silence(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.controller.le_legacy_advertiser.enabled = False

    def _fire(self) -> None:
        if not self.controller.le_legacy_advertiser.enabled:
            return
        pdu = ll.AdvInd(advertiser_address=self.controller.random_address, data=self._data)
        self._link.send_advertising_pdu(self.controller, pdu)
        wait = self._interval_s + self._link.delay_s()
        self._timer = asyncio.get_running_loop().call_later(wait, self._fire)

    # The connection.

    def _connected(self, connection: Any) -> None:
        if not self.on:
            return
        self.silence()
        self._connection = connection
        connection.on("disconnection", lambda reason: self._disconnected(connection))
        self._send("ble.connected", 1, bytes(connection.peer_address).hex())

    def _disconnected(self, connection: Any) -> None:
        if self._connection is connection:
            self._connection = None
            self._send("ble.disconnected", 1, bytes(connection.peer_address).hex())


class Air:
    """Every device's radio, and a door for each hub's HCI."""

    def __init__(self, seed: int = 0) -> None:
        self.link = AirLink(seed)
        self._pendants: dict[int, PendantRadio] = {}
        self.send: Callable[..., None] = lambda device, name, *args: None
        self.hubs: dict[str, Reception] = {}
        self._servers: list[asyncio.Server] = []
        self._wires: dict[str, set[asyncio.StreamWriter]] = defaultdict(set)

    def add(self, device: int) -> None:
        self._pendants[device] = PendantRadio(device, self.link, lambda *a: self.send(device, *a))

    def __getitem__(self, device: int) -> PendantRadio:
        if device not in self._pendants:
            self.add(device)
        return self._pendants[device]

    # What world.hardware.Radio asks for.

    def active(self, device: int, on: bool) -> None:
        self[device].active(on)

    def address(self, device: int, mode: int) -> None:
        self[device].address()

    def advertise(self, device: int, interval_us: int, data: bytes, connectable: bool) -> None:
        self[device].advertise(interval_us, data)

    def silence(self, device: int) -> None:
        self[device].silence()

    def services(self, device: int, services: list) -> None:
        self[device].services(services)

    def value(self, device: int, handle: int, value: bytes) -> None:
        self[device].value(handle, value)

    def notify(self, device: int, connection: int, handle: int, value: bytes) -> None:
        self[device].notify(handle, value)

    def disconnect(self, device: int, connection: int) -> None:
        self[device].disconnect()

    def reach(self, device: int, heard: bool) -> None:
        """Let a device be near enough to hubs, or too far from all of them."""
        self[device].reach(heard)

    # Hubs: one HCI door each, so that each has its own place.

    async def open_hub(self, name: str, port: int = 0) -> int:
        """Open the HCI door of a hub on a loopback port; return the port."""
        self.hubs.setdefault(name, Reception(rssi=-60))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve_hub(name, reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def unplug(self, name: str) -> None:
        """Pull the adapter out of a hub; it may plug it in again."""
        for wire in self._wires[name]:
            wire.close()

    async def close(self) -> None:
        """Close every door."""
        for server in self._servers:
            server.close()
        for name in self._wires:
            self.unplug(name)
        # Python 3.12 waits here for the connections, too.
        await asyncio.gather(*(server.wait_closed() for server in self._servers))

    async def _serve_hub(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = os.urandom(6)
        controller = AirController(
            f"hub {name}", link=self.link, public_address=hci.Address(raw, hci.Address.PUBLIC_DEVICE_ADDRESS)
        )
        self.link.receptions[controller] = self.hubs[name]
        controller.set_packet_sink(_Wire(writer))
        parser = PacketParser(controller)  # type: ignore[arg-type]
        self._wires[name].add(writer)
        try:
            while data := await reader.read(4096):
                parser.feed_data(data)
        except ConnectionError:
            pass  # a hub that was killed
        finally:
            self._wires[name].discard(writer)
            self.link.remove_controller(controller)
            writer.close()


class _Wire:
    """The controller's way to a host at the other end of a socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def on_packet(self, packet: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(packet)


def _told(task: asyncio.Task) -> None:
    """A notification or a disconnection that came too late is no error of ours."""
    if not task.cancelled() and task.exception() is not None:
        log.debug("radio: %r", task.exception())
