"""The simulated air as a bleak backend: the hub's code runs unmodified. A USB dongle works the same way (`usb:0`).

Adapter names are Bumble transports: `tcp-client:127.0.0.1:PORT`. One Bumble device serves scanner and clients.
"""

import asyncio
import contextlib
import os
from typing import Any

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bumble import core, hci
from bumble.device import Device, Peer
from bumble.transport import open_transport

MTU = 247
ANSWER_S = 2.0  # a radio that is there answers in milliseconds
_adapters: dict[str, "Adapter"] = {}


class Adapter:
    """One radio of this process: opened once, shared by scanner and clients."""

    def __init__(self, device: Device, transport: Any) -> None:
        self.device = device
        self.transport = transport
        # Bumble does not tie a connection to the request it answers: one request at a time.
        self.connecting = asyncio.Lock()


async def adapter(name: str) -> Adapter:
    """Return the adapter of a Bumble transport name, opening it if need be."""
    if name not in _adapters:
        transport = await open_transport(name)
        raw = bytearray(os.urandom(6))
        raw[5] |= 0xC0
        address = hci.Address(bytes(raw), hci.Address.RANDOM_DEVICE_ADDRESS)
        device = Device.with_hci("hub", address, transport.source, transport.sink)
        await device.power_on()
        _adapters[name] = Adapter(device, transport)
    return _adapters[name]


async def forget(name: str) -> None:
    """Let go of an adapter whose radio is gone, so that the next use opens it anew."""
    gone = _adapters.pop(name, None)
    if gone is not None:
        with contextlib.suppress(OSError, core.BaseBumbleError):
            await gone.transport.close()


class Scanner(BaseBleakScanner):
    """Passive scanning; every packet heard is a callback."""

    def __init__(
        self, detection_callback, service_uuids, scanning_mode="passive", *, bluez=None, **kwargs
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._name = (bluez or {}).get("adapter", "usb:0")
        self._device: Device | None = None

    async def start(self) -> None:
        self.seen_devices = {}
        try:
            async with asyncio.timeout(ANSWER_S):
                self._device = (await adapter(self._name)).device
                self._device.on("advertisement", self._heard)
                await self._device.start_scanning(legacy=True, active=False)
        except (TimeoutError, OSError, core.BaseBumbleError) as error:
            await forget(self._name)
            raise BleakError(f"the radio {self._name} does not answer: {error or 'time out'}") from None

    async def stop(self) -> None:
        if self._device is not None:
            self._device.remove_listener("advertisement", self._heard)
            device, self._device = self._device, None
            try:
                async with asyncio.timeout(ANSWER_S):
                    await device.stop_scanning(legacy=True)
            except (TimeoutError, core.BaseBumbleError):
                await forget(self._name)

    def _heard(self, advertisement: Any) -> None:
        if self._device is not None:
            self._device.advertisement_accumulators.clear()  # addresses rotate: they would be kept for ever
        fields = advertisement.data
        data: dict[int, bytes] = {}
        for kind, value in fields.ad_structures:
            if kind == core.AdvertisingData.MANUFACTURER_SPECIFIC_DATA and len(value) >= 2:
                data[int.from_bytes(value[:2], "little")] = bytes(value[2:])
        address = str(advertisement.address).split("/")[0]
        said = AdvertisementData(None, data, {}, [], None, advertisement.rssi, ())
        known = self.create_or_update_device(address, address, None, advertisement.address, said)
        known.details = advertisement.address
        if self.is_allowed_uuid(said.service_uuids):
            self.call_detection_callbacks(known, said)


class Client(BaseBleakClient):
    """One connection as a central."""

    def __init__(self, address_or_ble_device, *, bluez=None, **kwargs) -> None:
        super().__init__(
            address_or_ble_device,
            disconnected_callback=kwargs.get("disconnected_callback"),
            timeout=kwargs.get("timeout", 10.0),
        )
        self._name = (bluez or {}).get("adapter", "usb:0")
        self._target = getattr(address_or_ble_device, "details", None) or hci.Address(self.address)
        self._connection: Any = None
        self._peer: Peer | None = None
        self._callbacks: dict[int, Any] = {}

    @property
    def name(self) -> str:
        return self.address

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        radio = await adapter(self._name)
        async with radio.connecting:
            try:
                self._connection = await radio.device.connect(
                    self._target, own_address_type=hci.OwnAddressType.RANDOM, timeout=self._timeout
                )
            except core.TimeoutError:
                raise TimeoutError(f"{self.address} was not heard again in time") from None
            except core.BaseBumbleError as error:
                raise BleakError(str(error)) from None
        self._connection.on("disconnection", self._gone)
        self._peer = Peer(self._connection)
        await self._ask(self._peer.request_mtu(MTU))
        await self._discover()

    async def _discover(self) -> None:
        assert self._peer
        await self._ask(self._peer.discover_services())
        collection = BleakGATTServiceCollection()
        for service in self._peer.services:
            mine = BleakGATTService(service, service.handle, str(service.uuid.to_hex_str("-")).lower())
            collection.add_service(mine)
            await self._ask(service.discover_characteristics())
            for found in service.characteristics:
                collection.add_characteristic(
                    BleakGATTCharacteristic(
                        found,
                        found.handle,
                        str(found.uuid.to_hex_str("-")).lower(),
                        list(gatt_char_props_to_strs(int(found.properties))),
                        lambda: self.mtu_size - 3,
                        mine,
                    )
                )
        self.services = collection

    def _gone(self, reason: int) -> None:
        if self._connection is not None:
            self._connection = None
            self.services = None
            if self._disconnected_callback:
                self._disconnected_callback()

    async def _ask(self, question: Any) -> Any:
        """Await an ATT exchange; a connection that ends under it is an error of the connection, not a cancellation."""
        if self._connection is None:
            question.close()
            raise BleakError("not connected")
        connection = self._connection
        try:
            return await connection.cancel_on_disconnection(question)
        except asyncio.CancelledError:
            if self._connection is None:
                raise BleakError("the connection ended") from None
            raise
        except (core.BaseBumbleError, core.TimeoutError) as error:
            raise BleakError(str(error)) from None

    async def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self.services = None
            try:
                await connection.disconnect()
            except core.BaseBumbleError:
                return  # it was gone already

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        raise BleakError("this device is not paired with: frames are sealed end to end")

    unpair = pair

    async def read_gatt_char(self, characteristic, *, use_cached: bool = False, **kwargs: Any) -> bytearray:
        return bytearray(await self._ask(characteristic.obj.read_value()))

    async def read_gatt_descriptor(self, descriptor, *, use_cached: bool = False, **kwargs: Any) -> bytearray:
        return bytearray(await self._ask(descriptor.obj.read_value()))

    async def write_gatt_char(self, characteristic, data, response: bool) -> None:
        await self._ask(characteristic.obj.write_value(bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor, data) -> None:
        await self._ask(descriptor.obj.write_value(bytes(data), with_response=True))

    async def start_notify(self, characteristic, callback, **kwargs: Any) -> None:
        def heard(value: bytes) -> None:
            callback(bytearray(value))

        self._callbacks[characteristic.handle] = heard
        await self._ask(characteristic.obj.subscribe(heard))

    async def stop_notify(self, characteristic) -> None:
        await self._ask(characteristic.obj.unsubscribe(self._callbacks.pop(characteristic.handle, None)))
