"""A hub on the virtual clock: hears, spools, forwards, and connects only to carry an answer it was asked to carry.

The hub's own program keeps to the host's clock, BlueZ and a broker; this is its rule in small, for the system level
runs the real one. What it says is read by the gateway's real envelope.
"""

import json
from dataclasses import dataclass
from typing import Any

from sos_wire import kinds, sms, topics

from .desk import Desk
from .ether import Connection, Ether
from .phones import SmsCentre
from .virtual import World

PACK_US = 10_000
SAME_AGAIN_US = 5_000_000
FRESH_US = 5_000_000
RECEIPT_US = 5_000_000
CONNECT_US = 400_000
SEEN_WITHIN_US = 150_000
LINGER_US = 1_000_000
LINE_US = (2_000, 20_000)  # one way between hub and gateway
# The gateway asks again when an answer by text was lost; what it asks within this time has just gone out.
SAME_TEXT_US = 20_000_000


@dataclass
class Kept:
    """One frame in the spool."""

    n: int
    heard_us: int
    rssi: int
    frame: bytes
    via: str = "ble"
    published_us: int = -RECEIPT_US


@dataclass
class Order:
    """One answer to carry."""

    id: int
    aliases: frozenset[bytes]
    frame: bytes
    until_us: int


class Hub:
    """`alive` and `line` are the scenario's to take away: the program killed, the way to the gateway cut."""

    def __init__(self, world: World, ether: Ether, desk: Desk, name: str) -> None:
        self._phones: SmsCentre | None = None
        self.sim = ""  # the number of its stick's SIM
        self._senders: dict[bytes, str] = {}  # alias: number it texted from; in the spool's database
        self.world, self.ether, self.desk = world, ether, desk
        self.name = name
        self._chance = world.chance("hub", name)
        self.address = self._chance.randbytes(6)
        self.spool_name = f"{self._chance.getrandbits(32):08x}"
        self.spool: dict[int, Kept] = {}
        self.alive, self.line = True, True
        self._last_n = 0
        self._forget()
        ether.hubs.append(self)
        world.after(RECEIPT_US, self._replay)

    def _forget(self) -> None:
        """What lives in the program's memory alone."""
        self._life = getattr(self, "_life", 0) + 1
        self._packed: dict[bytes, tuple[int, int]] = {}
        self._forwarded: dict[bytes, int] = {}
        self._reports: list[dict[str, Any]] = []
        self._packing = False
        self._orders: list[Order] = []
        self._seen: dict[bytes, tuple[int, bytes]] = {}
        self._connecting = False
        self._talks: list[tuple[frozenset[bytes], Connection, list[int]]] = []
        self._texted: dict[tuple[int, Any], int] = {}

    def note(self, what: str, value: Any = None) -> None:
        self.world.note(f"hub {self.name}", what, value)

    def kill(self) -> None:
        """kill -9: the spool stays, all else is gone; connections end with the process."""
        self.note("killed")
        self.alive = False
        for _, connection, _ in list(self._talks):
            connection.end()
        self._forget()

    def start(self) -> None:
        self.note("started")
        self.alive = True
        for kept in self.spool.values():
            kept.published_us = -RECEIPT_US

    # Listening.

    def hear(self, frame: bytes, rssi: int, address: bytes) -> None:
        """One packet, or one notification over a connection (rssi 0)."""
        if not self.alive:
            return
        now = self.world.now_us
        alias = bytes(frame[1:6])
        if len(frame) == kinds.FRAME_BYTES[kinds.FORM_SHORT]:
            self._seen[alias] = (now, address)
            self._try_to_carry()
        if now - self._forwarded.get(frame, -SAME_AGAIN_US) < SAME_AGAIN_US:
            return
        first, best = self._packed.get(frame, (now, -999))
        self._packed[frame] = (first, max(best, rssi))
        self._pack_soon()

    def _pack_soon(self) -> None:
        if not self._packing:
            self._packing = True
            life = self._life
            self.world.after(PACK_US if self._packed else 0, lambda: self._pack(life))

    def _pack(self, life: int) -> None:
        """Spool what was heard, then publish it."""
        if life != self._life:
            return
        self._packing = False
        heard, self._packed = self._packed, {}
        reports, self._reports = self._reports, []
        made = []
        for frame, (heard_us, rssi) in heard.items():
            self._forwarded[frame] = self.world.now_us
            self._last_n += 1
            made.append(Kept(self._last_n, heard_us, max(-128, min(20, rssi)), frame))
            self.spool[self._last_n] = made[-1]
        self._publish("up", made, reports)

    def _publish(self, lane: str, frames: list[Kept], reports: list[dict[str, Any]]) -> None:
        if not self.line:
            return
        for kept in frames:
            kept.published_us = self.world.now_us
        listed = [
            {"n": k.n, "t": self.desk.unix_ms(k.heard_us), "rssi": k.rssi, "frame": k.frame.hex()}
            | ({"via": k.via} if k.via != "ble" else {})
            for k in frames
        ]
        said = {
            "v": 1,
            "hub": self.name,
            "spool": self.spool_name,
            "sent": self.desk.unix_ms(self.world.now_us),
            "frames": listed,
            "written": reports,
        }
        topic, payload = topics.hub(self.name, lane), json.dumps(said).encode()
        self.world.after(self._chance.randint(*LINE_US), lambda: self.desk.take(topic, payload))

    def _replay(self) -> None:
        """Publish again what has no receipt, newest first."""
        self.world.after(1_000_000, self._replay)
        if not (self.alive and self.line):
            return
        now = self.world.now_us
        due = [k for k in self.spool.values() if now - k.published_us >= RECEIPT_US]
        due.sort(key=lambda k: -k.n)
        fresh = [k for k in due if now - k.heard_us < FRESH_US]
        old = [k for k in due if now - k.heard_us >= FRESH_US]
        if fresh:
            self._publish("up", fresh[:50], [])
        if old:
            self._publish("backlog", old[:50], [])

    # From the gateway.

    def take(self, what: str, payload: bytes) -> None:
        """A message of the gateway: a receipt, or an answer to carry."""
        if not (self.alive and self.line):
            return
        said = json.loads(payload)
        if what == "receipt":
            for first, last in said["ranges"]:
                for n in range(first, last + 1):
                    self.spool.pop(n, None)
            return
        aliases = frozenset(bytes.fromhex(alias) for alias in said["aliases"])
        until_us = self.desk.world_us(said["until"])
        order = Order(said["id"], aliases, bytes.fromhex(said["frame"]), until_us)
        self._orders = [o for o in self._orders if not order.id or o.id != order.id]
        if until_us < self.world.now_us:
            return
        if said.get("via") == "sms":
            self._text(order, said.get("state"))
            return
        for known, connection, _ in self._talks:
            if known & aliases and connection.open:
                self._write(order, known, connection)
                return
        self._orders.append(order)
        self._try_to_carry()

    # The stick: text messages from devices out of reach, and answers to them.

    def plug(self, sim: str, phones: SmsCentre) -> None:
        """Put a stick into the hub whose SIM has this number."""
        self.sim, self._phones = sim, phones
        phones.attach(sim, self._texted_to)

    def _texted_to(self, sender: str, text: str) -> bool:
        """A text has come; the program spools it before the SIM forgets it, so a dead one leaves it there."""
        if not self.alive:
            return False
        frame = sms.decode(text)
        if frame is None:
            self.note("strange text", sender)
            return True
        self.note("text", sender)
        self._senders[bytes(frame[1:6])] = sender
        self._last_n += 1
        kept = Kept(self._last_n, self.world.now_us, 0, frame, "sms")
        self.spool[kept.n] = kept
        self._publish("up", [kept], [])
        return True

    def _text(self, order: Order, state: Any) -> None:
        """Answer by text, to the number that one of the aliases texted from."""
        sender = next((self._senders[alias] for alias in order.aliases if alias in self._senders), None)
        if sender is None or self._phones is None:
            self._report(order, False, "no number of this device")
            return
        last_us = self._texted.get((order.id, state), -SAME_TEXT_US)
        if self.world.now_us - last_us < SAME_TEXT_US:
            return
        self._texted[order.id, state] = self.world.now_us
        life = self._life

        def done(taken: bool) -> None:
            if life == self._life:
                self._report(order, taken, "" if taken else "the network refused the text")

        self.note("texts", state)
        self._phones.send(self.sim, sender, sms.encode(order.frame), done)

    # Carrying.

    def _try_to_carry(self) -> None:
        now = self.world.now_us
        for order in [o for o in self._orders if o.until_us < now]:
            self._orders.remove(order)
            self._report(order, False, "not heard in time")
        if self._connecting:
            return
        for order in sorted(self._orders, key=lambda o: (not o.id, -o.until_us)):
            for alias in sorted(order.aliases):
                at, address = self._seen.get(alias, (-SEEN_WITHIN_US, b""))
                if now - at < SEEN_WITHIN_US:
                    self._orders.remove(order)
                    self._connect(order, address)
                    return

    def _connect(self, order: Order, address: bytes) -> None:
        self._connecting = True
        life = self._life
        talk: list[Any] = []

        def ended() -> None:
            if life == self._life and talk and talk[0] in self._talks:
                self._talks.remove(talk[0])

        def result(connection: Connection | None) -> None:
            if life != self._life:
                if connection is not None:
                    connection.end()
                return
            self._connecting = False
            if connection is None:
                self._report(order, False, "not heard again")
            else:
                talk.append((order.aliases, connection, [0]))
                self._talks.append(talk[0])
                self._write(order, order.aliases, connection)
            self._try_to_carry()

        self.ether.connect(self, address, CONNECT_US, result, ended)

    def _write(self, order: Order, aliases: frozenset[bytes], connection: Connection) -> None:
        life = self._life

        def done(ok: bool) -> None:
            if life == self._life:
                self._report(order, ok, "" if ok else "the connection ended")
                self._linger(connection)

        connection.write(kinds.GATT_DOWN, order.frame, done)

    def _linger(self, connection: Connection) -> None:
        """Stay for what the device says to it and the gateway to that, then leave."""
        talk = next((t for t in self._talks if t[1] is connection), None)
        if talk is None:
            return
        talk[2][0] += 1
        turn = talk[2][0]

        def leave() -> None:
            if talk[2][0] == turn:
                connection.end()

        self.world.after(LINGER_US, leave)

    def _report(self, order: Order, ok: bool, why: str) -> None:
        if order.id:
            self._reports.append({"id": order.id, "ok": ok, "why": why})
            self._pack_soon()
