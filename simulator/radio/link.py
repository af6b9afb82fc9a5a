"""A link and controllers that behave like radios where Bumble's do not: loss, range, one report a packet, real cancels.

HCI, L2CAP, ATT and GATT are Bumble's own. Advertising and the link layer are modelled: a packet reaches each receiver
with a probability and a strength, a connection begins with a packet that was heard, and ends when a side is gone.
"""

import asyncio
import random
from dataclasses import dataclass

from bumble import core, hci, ll
from bumble.controller import Controller
from bumble.link import LocalLink

# The supervision time-out in earnest is some hundred milliseconds to seconds; tests wait for conditions.
SUPERVISION_S = 0.5
LOST_SUPERVISION = 0x08
UNKNOWN_CONNECTION = 0x02


@dataclass
class Reception:
    """How one receiver hears: share of packets lost, strength, and whether it hears at all."""

    loss: float = 0.0
    rssi: int = -60
    deaf: bool = False


class AirController(Controller):
    """Legacy advertising only, as MicroPython has it."""

    le_features = Controller.le_features & ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    pending_le_connection = None

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        # Bumble formats every packet for a log nobody reads: half of all CPU.
        if self.host:
            asyncio.get_running_loop().call_soon(self.host.on_packet, bytes(packet))

    def hear(self, sender: Controller, pdu: ll.AdvInd, rssi: int) -> None:
        """A packet that was not lost: report it once, and connect if that is what we wait for."""
        if self.le_scan_enable:
            report = hci.HCI_LE_Advertising_Report_Event.Report(
                event_type=hci.HCI_LE_Advertising_Report_Event.EventType.ADV_IND,
                address_type=pdu.advertiser_address.address_type,
                address=pdu.advertiser_address,
                data=pdu.data,
                rssi=rssi,
            )
            self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))
        pending = self.pending_le_connection
        if pending and pending.peer_address == pdu.advertiser_address and sender.is_advertising:
            self.create_le_connection(pdu.advertiser_address)

    def wants_packets(self) -> bool:
        return bool(self.le_scan_enable) or self.pending_le_connection is not None

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is not None:
            self.send_hci_packet(
                hci.HCI_LE_Connection_Complete_Event(
                    status=UNKNOWN_CONNECTION,
                    connection_handle=0,
                    role=hci.Role.CENTRAL,
                    peer_address_type=pending.peer_address_type,
                    peer_address=pending.peer_address,
                    connection_interval=0,
                    peripheral_latency=0,
                    supervision_timeout=0,
                    central_clock_accuracy=0,
                )
            )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)


class AirLink(LocalLink):
    """All controllers in reach of one another, each receiver with its own reception."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.receptions: dict[AirController, Reception] = {}
        self.away: set[Controller] = set()  # whose packets nobody is near enough to hear
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Draw everything from here on from this seed."""
        self._random = random.Random(seed)
        self._walls: dict[tuple[Controller, Controller], float] = {}

    def delay_s(self) -> float:
        """The pseudo-random 0 to 10 ms a radio adds to each advertising interval (Core Spec, Vol 6, Part B, 4.4.2.2)."""
        return self._random.uniform(0, 0.010)

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        if isinstance(packet, ll.ConnectInd):
            # At once: a later central must find the advertiser taken.
            for controller in list(self.controllers):
                if controller.is_advertising and controller.random_address == packet.advertiser_address:
                    controller.on_le_connect_ind(packet)
            return
        if not isinstance(packet, ll.AdvInd):
            return  # pendants send nothing else
        if sender_controller in self.away:
            return
        loop = asyncio.get_running_loop()
        for receiver, reception in list(self.receptions.items()):
            if reception.deaf or receiver is sender_controller or not receiver.wants_packets():
                continue
            if self._random.random() < reception.loss:
                continue
            # Each pair has walls of its own between, and each packet its own fading.
            wall = self._walls.setdefault((sender_controller, receiver), self._random.gauss(0, 8))
            rssi = max(-127, min(20, round(reception.rssi + wall + self._random.gauss(0, 3))))
            loop.call_soon(receiver.hear, sender_controller, packet, rssi)

    def send_acl_data(self, sender_controller, destination_address, transport, data) -> None:
        # The connection keeps the address it was made under; the controller's own may have changed since.
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self._other_end(destination_address)
        if connection is not None and receiver is not None:
            asyncio.get_running_loop().call_soon(
                receiver.on_link_acl_data, connection.self_address, core.PhysicalTransport.LE, data
            )

    def send_ll_control_pdu(self, sender_address, receiver_address, packet) -> None:
        receiver = self._other_end(receiver_address)
        if receiver is not None and sender_address in receiver.le_connections:
            asyncio.get_running_loop().call_soon(self._control, receiver, sender_address, packet)

    @staticmethod
    def _control(receiver, sender_address, packet) -> None:
        if sender_address in receiver.le_connections:
            receiver.on_ll_control_pdu(sender_address, packet)

    def _other_end(self, address: hci.Address) -> Controller | None:
        for controller in self.controllers:
            for connection in controller.le_connections.values():
                if connection.self_address == address:
                    return controller
        return None

    def lose(self, controller: Controller) -> None:
        """A radio falls silent: whoever was connected to it notices after the supervision time-out."""
        loop = asyncio.get_running_loop()
        for connection in list(controller.le_connections.values()):
            other = self._other_end(connection.peer_address)
            if other is not None:
                loop.call_later(SUPERVISION_S, self._supervise, other, connection.self_address)
        controller.le_connections.clear()

    @staticmethod
    def _supervise(other: Controller, address: hci.Address) -> None:
        connection = other.le_connections.get(address)
        if connection is not None:
            other.on_le_disconnected(connection, LOST_SUPERVISION)

    def remove_controller(self, controller: Controller) -> None:
        self.lose(controller)
        self.receptions.pop(controller, None)  # type: ignore[arg-type]
        super().remove_controller(controller)
