"""Somebody with a radio of their own and no good in mind: hears, connects and holds, sends what is not theirs to send."""

import asyncio
import contextlib

from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError
from bumble import hci
from sos_wire import kinds

from simulator import bleak_backend

PATIENCE_S = 30


class Rogue:
    """One radio, always under the same address."""

    def __init__(self, adapter):
        self._bluez = {"adapter": adapter}
        self._heard = asyncio.Queue()
        self._scanner = BleakScanner(
            self._detected, scanning_mode="passive", bluez=self._bluez, backend=bleak_backend.Scanner
        )

    def _detected(self, device, said):
        if kinds.COMPANY_TEST in said.manufacturer_data:
            self._heard.put_nowait((device, said.manufacturer_data[kinds.COMPANY_TEST]))

    async def __aenter__(self):
        await self._scanner.start()
        return self

    async def __aexit__(self, *_):
        with contextlib.suppress(BleakError):
            await self._scanner.stop()

    async def hear(self, what, is_wanted):
        """Wait for a frame that is wanted; return (device, frame)."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    device, frame = await self._heard.get()
                    if is_wanted(frame):
                        return device, frame
        except TimeoutError:
            raise AssertionError(f"never heard: {what}") from None

    async def hold(self, device):
        """Connect and hold; return once we are sent away, or None where the radio would not have us at all."""
        sent_away = asyncio.Event()
        client = BleakClient(
            device,
            disconnected_callback=lambda _: sent_away.set(),
            bluez=self._bluez,
            backend=bleak_backend.Client,
            timeout=5,
        )
        try:
            await client.connect()
        except (BleakError, TimeoutError):
            return None
        return sent_away

    async def shout(self, data):
        """Advertise these bytes until told otherwise."""
        radio = (await bleak_backend.adapter(self._bluez["adapter"])).device
        if radio.is_advertising:
            await radio.stop_advertising()
        await radio.start_advertising(
            own_address_type=hci.OwnAddressType.RANDOM,
            advertising_data=data,
            advertising_interval_min=20,
            advertising_interval_max=20,
            auto_restart=True,  # a hub may connect to us, looking for the device whose alias we show
        )

    async def be_quiet(self):
        radio = (await bleak_backend.adapter(self._bluez["adapter"])).device
        await radio.stop_advertising()


def advertisement(frame):
    """An advertisement as a pendant makes it, whatever the length."""
    head = bytes((len(frame) + 3, 0xFF)) + kinds.COMPANY_TEST.to_bytes(2, "little")
    flags = b"\x02\x01\x06" if len(frame) <= 24 else b""
    return flags + head + frame
