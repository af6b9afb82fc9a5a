"""The air on the virtual clock: bursts packet by packet, each receiver with its own loss; connections that can break.

No HCI, no ATT: bytes that would travel are carried whole, with the delays and the failures a radio gives them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .virtual import VirtualDevice, World

ADVERTISING_DELAY_US = 10_000  # Core Spec, Vol 6, Part B, 4.4.2.2
AIR_US = (300, 2_000)  # from the packet to the hub's program
EXCHANGE_US = (15_000, 45_000)  # one write or notification: a connection interval or two
CONNECT_US = (20_000, 40_000)  # from the packet to services found
SUPERVISION_US = 500_000
PENDANT_CONNECTION = 1  # one connection at a time: NimBLE's handle does not matter


class Receiver(Protocol):
    """What a hub offers the air."""

    name: str
    address: bytes

    def hear(self, frame: bytes, rssi: int, address: bytes) -> None: ...


@dataclass
class Reception:
    """How one hub hears one device. Shares are of packets, or of exchanges on a connection."""

    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0  # share of packets that reach the hub's program up to 3 s late
    torn: float = (
        0.0  # share of packets with a byte that is not as it was sent, and a checksum that missed it
    )
    dropped: float = 0.0  # share of exchanges at which the connection ends
    rssi: int = -60
    deaf: bool = False


@dataclass
class Advertiser:
    """What one device has on the air."""

    address: bytes = bytes(6)
    payload: bytes = b""
    interval_us: int = 0
    turn: int = 0  # counts calls: packets planned before the last call are not sent
    handles: dict[str, int] = field(default_factory=dict)
    connection: "Connection | None" = None


class Connection:
    """One hub connected to one device. `ended()` is called once on the hub's side."""

    def __init__(self, ether: "Ether", device: VirtualDevice, hub: Receiver, ended: Callable[[], None]):
        self.open = True
        self.address = ether.advertiser(device.number).address
        self._ether, self._device, self._hub, self._ended = ether, device, hub, ended

    def write(self, characteristic: str, data: bytes, done: Callable[[bool], None]) -> None:
        """Write with response. The connection may end before the device has it, or after."""
        chance, reception = self._ether.chance(self._device, self._hub)
        breaks, after = chance.random() < reception.dropped, chance.random() < 0.5
        handle = self._ether.advertiser(self._device.number).handles.get(characteristic, 0)

        def arrive() -> None:
            if self.open and (not breaks or after):
                self._ether.delivered(self._device, data)
                self._device.send("ble.write", PENDANT_CONNECTION, handle, data.hex())
            if breaks:
                self.end()
            done(self.open)

        self._ether.world.after(chance.randint(*EXCHANGE_US), arrive)

    def notify(self, data: bytes) -> None:
        chance, reception = self._ether.chance(self._device, self._hub)
        breaks = chance.random() < reception.dropped

        def arrive() -> None:
            if self.open and breaks:
                self.end()
            elif self.open:
                self._hub.hear(data, 0, self.address)

        self._ether.world.after(chance.randint(*EXCHANGE_US), arrive)

    def end(self) -> None:
        """Both sides hear of it at once, as after a disconnection that was asked for."""
        if self.open:
            self.open = False
            self._ether.advertiser(self._device.number).connection = None
            self._ether.world.note(f"hub {self._hub.name}", "disconnects")
            self._device.send("ble.disconnected", PENDANT_CONNECTION, self._hub.address.hex())
            self._ended()

    def vanish(self) -> None:
        """The device is gone: the hub notices when nothing has come for a while."""
        if self.open:
            self.open = False
            self._ether.advertiser(self._device.number).connection = None
            self._ether.world.after(SUPERVISION_US, self._ended)


class Ether:
    """Every device's radio, every hub's ears."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hubs: list[Receiver] = []
        self.receptions: dict[tuple[int, str], Reception] = {}
        self.delivered: Callable[[VirtualDevice, bytes], None] = lambda device, data: None
        self._advertisers: dict[int, Advertiser] = {}
        self._wanted: dict[bytes, list[tuple[Receiver, Callable[[], None]]]] = {}
        self._chances: dict[tuple[Any, ...], Any] = {}

    def advertiser(self, device: int) -> Advertiser:
        return self._advertisers.setdefault(device, Advertiser())

    def reception(self, device: int, hub: str) -> Reception:
        return self.receptions.setdefault((device, hub), Reception())

    def chance(self, device: VirtualDevice, hub: Receiver) -> tuple[Any, Reception]:
        """One generator for each pair: what one receiver loses says nothing of another."""
        return self._chance(device.number, hub.name), self.reception(device.number, hub.name)

    def _chance(self, *names: Any) -> Any:
        if names not in self._chances:
            self._chances[names] = self.world.chance("ether", *names)
        return self._chances[names]

    # What a device asks of its radio (world.hardware.Radio).

    def active(self, device: int, on: bool) -> None:
        advertiser = self.advertiser(device)
        if not on:
            self.silence(device)
            if advertiser.connection is not None:
                advertiser.connection.vanish()

    def address(self, device: int, mode: int) -> None:
        raw = bytearray(self._chance(device, "address").randbytes(6))
        raw[0] &= 0x3F  # non-resolvable: the two highest bits are clear
        self.advertiser(device).address = bytes(raw)

    def advertise(self, device: int, interval_us: int, data: bytes, connectable: bool) -> None:
        advertiser = self.advertiser(device)
        advertiser.turn += 1
        if advertiser.connection is None:
            advertiser.payload, advertiser.interval_us = data, interval_us
            self._packet(device, advertiser.turn)

    def silence(self, device: int) -> None:
        self.advertiser(device).turn += 1

    def services(self, device: int, services: list) -> None:
        for _, characteristics in services:
            self.advertiser(device).handles.update({uuid: handle for uuid, _, handle in characteristics})

    def value(self, device: int, handle: int, value: bytes) -> None:
        """Nobody reads here: hubs take what is notified."""

    def notify(self, device: int, connection: int, handle: int, value: bytes) -> None:
        found = self.advertiser(device).connection
        if found is not None:
            found.notify(value)

    def disconnect(self, device: int, connection: int) -> None:
        found = self.advertiser(device).connection
        if found is not None:
            found.end()

    # Packets.

    def _packet(self, device: int, turn: int) -> None:
        advertiser = self.advertiser(device)
        if advertiser.turn != turn:
            return
        for hub in self.hubs:
            self._reach(device, hub, advertiser)
        if advertiser.turn == turn:
            wait = advertiser.interval_us + self._chance(device, "pace").randint(0, ADVERTISING_DELAY_US)
            self.world.after(wait, lambda: self._packet(device, turn))

    def _reach(self, device: int, hub: Receiver, advertiser: Advertiser) -> None:
        chance, reception = self._chance(device, hub.name), self.reception(device, hub.name)
        if reception.deaf or chance.random() < reception.loss:
            return
        # Four bytes stand before what the maker says, three of flags before those.
        frame, rssi = advertiser.payload[7:], round(reception.rssi + chance.gauss(0, 3))
        address = advertiser.address
        if chance.random() < reception.torn:
            place = chance.randrange(len(frame))
            frame = frame[:place] + bytes((frame[place] ^ chance.randrange(1, 256),)) + frame[place + 1 :]
        delay = chance.randint(*AIR_US)
        if chance.random() < reception.late:
            delay += chance.randint(0, 3_000_000)
        for _ in range(2 if chance.random() < reception.doubled else 1):
            self.world.after(delay, lambda: hub.hear(frame, rssi, address))
        if advertiser.connection is None:
            for wanting, made in self._wanted.get(address, ()):
                if wanting is hub:
                    self._wanted.pop(address)
                    made()
                    return

    # Connections.

    def connect(
        self,
        hub: Receiver,
        address: bytes,
        within_us: int,
        result: Callable[[Connection | None], None],
        ended: Callable[[], None],
    ) -> None:
        """Connect at the next packet of this address that is not lost, or report None when the time is over."""
        open_request = [True]

        def made() -> None:
            open_request[0] = False
            device = next(
                d for d in self.world.devices.values() if self.advertiser(d.number).address == address
            )
            advertiser = self.advertiser(device.number)
            advertiser.turn += 1  # advertising stops, and does not come back by itself
            advertiser.connection = connection = Connection(self, device, hub, ended)
            self.world.note(f"hub {hub.name}", "connects", device.name)
            device.send("ble.connected", PENDANT_CONNECTION, hub.address.hex())
            chance, _ = self.chance(device, hub)
            self.world.after(
                chance.randint(*CONNECT_US), lambda: result(connection if connection.open else None)
            )

        def give_up() -> None:
            if open_request[0]:
                open_request[0] = False
                waiting = self._wanted.get(address, [])
                self._wanted[address] = [entry for entry in waiting if entry[1] is not made]
                result(None)

        self._wanted.setdefault(address, []).append((hub, made))
        self.world.after(within_us, give_up)
