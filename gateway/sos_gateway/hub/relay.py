"""The hub between radio, stick, spool and broker: nothing is published that is not on disk first."""

import asyncio
import json
import logging
import secrets
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import aiomqtt
from sos_wire import topics

from ..cancelled import end_if_cancelled
from .bluetooth import Bluetooth, Order
from .config import HubSettings, backend
from .sms import Texts
from .spool import BLE, SMS, UNSPOOLED, Kept, Spool

PACK_S = 0.010  # what is heard in this time goes into one message
SAME_AGAIN_S = 5.0  # identical bytes are forwarded at most so often
FRESH_MS = 5000  # younger frames are `up`, older ones `backlog`
RECEIPT_S = 5.0  # a frame published and not receipted in this time is published again
BACKLOG_RATE = 200  # frames a second
BACKLOG_AT_ONCE = 50
SETTLED_MS = 1000  # what was heard less long ago may be on its way for the first time
MOST_IN_MESSAGE = 200  # the gateway takes 500; a message stays far below any broker's largest packet
# Messages on their way at once: an alarm does not wait until the broker has acknowledged what went before it.
PUBLISHERS = 4
# More than a broker that hangs for its 5 s can leave behind; what is spooled and does not fit comes again by itself.
MOST_OUTGOING = 200
# Different frames that wait for the disk. One that hangs for long must not fill the memory.
MOST_PACKED = 5000
STATUS_S = 10.0
# The stick's thread waits so long for a frame that could not be spooled to reach the broker; longer than a publish takes.
UNSPOOLED_S = 10.0
RECONNECT_S = (0.2, 10.0)

log = logging.getLogger("socors.hub")


def now_ms() -> int:
    return int(time.time() * 1000)


class Hub:
    """One hub: radio or stick or both, spool, broker."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings
        self.spool = Spool(settings.spool_file)
        self._packed: dict[bytes, tuple[int, int, bytes]] = {}
        self._forwarded: dict[bytes, float] = {}
        self._published: dict[int, float] = {}
        self._reports: list[dict[str, Any]] = []
        self._outgoing: asyncio.Queue[tuple[list[Kept], list[dict[str, Any]]]] = asyncio.Queue(MOST_OUTGOING)
        self._something = asyncio.Event()
        self.dropped = 0  # frames that found the disk hanging and the memory full
        self._client: aiomqtt.Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.texts = self._new_texts() if settings.sms_port else None
        self.radio = Bluetooth(
            adapter=settings.adapter,
            backend=backend(settings),
            company=settings.company,
            heard=self.heard,
            written=self.written,
        )

    # From the radio.

    def heard(self, frame: bytes, rssi: int) -> None:
        """A frame was heard: the strongest copy of the next few milliseconds is kept."""
        now = time.monotonic()
        if now - self._forwarded.get(frame, -SAME_AGAIN_S) < SAME_AGAIN_S:
            return
        before = self._packed.get(frame)
        if before is None and len(self._packed) >= MOST_PACKED:
            self.dropped += 1
            return
        if before is None or before[1] < rssi:
            self._packed[frame] = (before[0] if before else now_ms(), rssi, frame)
        self._something.set()

    def written(self, order_id: int, ok: bool, why: str, via: str = BLE) -> None:
        """The radio, or the stick, says what became of an order."""
        if not ok:
            log.info("answer %d was not carried: %s", order_id, why)
        if order_id:
            self._reports.append({"id": order_id, "ok": ok, "why": why, "via": via})
            self._something.set()

    # From the stick, by its thread.

    def _new_texts(self) -> Texts:
        settings = self._settings
        return Texts(
            port=settings.sms_port,
            pin=settings.sms_pin.get_secret_value(),
            per_number=settings.sms_per_number,
            total=settings.sms_total,
            spool=self.spool,
            spool_file=settings.spool_file,
            clock_ms=now_ms,
            heard=self._came_as_text,
            written=lambda *report: self._in_loop(self.written, *report, SMS),
        )

    def _in_loop(self, do: Callable[..., object], *values: Any) -> bool:
        """Call in the hub's loop from the stick's thread; False when the hub has ended."""
        try:
            assert self._loop
            self._loop.call_soon_threadsafe(do, *values)
        except RuntimeError:
            return False
        return True

    def _came_as_text(self, kept: Kept) -> bool:
        """Publish a frame; of one the disk did not take, return whether the broker has it."""
        if kept.n != UNSPOOLED:
            return self._in_loop(self._hand_over, [kept], [])
        assert self._loop
        published = asyncio.run_coroutine_threadsafe(self._publish("up", [kept], []), self._loop)
        try:
            return published.result(UNSPOOLED_S)
        except (TimeoutError, FutureTimeout, FutureCancelled):
            return False

    async def pack(self) -> None:
        """Every 10 ms at the most: spool what was heard, then hand it over to be published."""
        while True:
            await self._something.wait()
            await asyncio.sleep(PACK_S if self._packed else 0)
            self._something.clear()
            frames, self._packed = list(self._packed.values()), {}
            reports, self._reports = self._reports, []
            now = time.monotonic()
            if len(self._forwarded) > 5000:
                self._forwarded = {f: at for f, at in self._forwarded.items() if now - at < SAME_AGAIN_S}
            self._forwarded.update((row[2], now) for row in frames)
            kept = await asyncio.to_thread(self.spool.keep, frames) if frames else []
            self._hand_over(kept, reports)

    def _hand_over(self, kept: list[Kept], reports: list[dict[str, Any]]) -> None:
        """Nobody waits here for a broker that hangs: what is heard next must be on disk all the same."""
        for start in range(0, max(len(kept), len(reports)), MOST_IN_MESSAGE):
            end = start + MOST_IN_MESSAGE
            if self._outgoing.full():
                log.warning("the broker takes nothing; what is spooled waits there")
                return
            self._outgoing.put_nowait((kept[start:end], reports[start:end]))

    async def publish(self) -> None:
        """Publish what is handed over, one message at a time; there are several of us."""
        while True:
            frames, reports = await self._outgoing.get()
            if not await self._publish("up", frames, reports):
                for kept in frames:
                    if kept.n == UNSPOOLED:
                        self._forwarded.pop(kept.frame, None)  # only the device has it: hear it again

    # To and from the broker.

    def _message(self, frames: list[Kept], reports: list[dict[str, Any]], status: dict[str, Any]) -> bytes:
        return json.dumps(
            {
                "v": 1,
                "hub": self._settings.name,
                "spool": self.spool.name,
                "sent": now_ms(),
                "frames": [_listed(kept) for kept in frames],
                "written": reports,
                "status": status,
            }
        ).encode()

    async def _publish(
        self,
        lane: str,
        frames: list[Kept],
        reports: list[dict[str, Any]],
        status: dict[str, Any] | None = None,
    ) -> bool:
        if self._client is None:
            return False
        now = time.monotonic()
        for kept in frames:
            if kept.n != UNSPOOLED:
                self._published[kept.n] = now
        try:
            await self._client.publish(
                topics.hub(self._settings.name, lane),
                self._message(frames, reports, status or {}),
                qos=1,
                timeout=5,
            )
        except aiomqtt.MqttError as error:
            log.warning("could not publish: %s", error)
            for kept in frames:
                self._published.pop(kept.n, None)
            return False
        finally:
            end_if_cancelled()
        return True

    async def serve(self) -> None:
        """Keep the connection to the broker, and take receipts and orders from it."""
        pause, longest = RECONNECT_S
        while True:
            try:
                async with self._new_client() as client:
                    await client.subscribe(topics.hub(self._settings.name, "receipt"), qos=1)
                    await client.subscribe(topics.hub(self._settings.name, "down"), qos=1)
                    self._client = client
                    self._published.clear()  # what the old connection may have lost is published again
                    log.info("connected to the broker")
                    pause = RECONNECT_S[0]
                    async for message in client.messages:
                        await self._take(str(message.topic), message.payload)
            except aiomqtt.MqttError as error:
                log.warning("broker: %s; again in %.1f s, %d frames kept", error, pause, len(self.spool))
            finally:
                self._client = None
            end_if_cancelled()
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    def _new_client(self) -> aiomqtt.Client:
        settings = self._settings
        tls = ssl.create_default_context(cafile=str(settings.mqtt_ca_file)) if settings.mqtt_ca_file else None
        return aiomqtt.Client(
            settings.mqtt_host,
            settings.mqtt_port,
            # A part nobody can guess: at a broker whoever connects under the same identifier throws the other out.
            identifier=f"hub-{settings.name}-{secrets.token_hex(6)}",
            username=settings.mqtt_user,
            password=settings.mqtt_password.get_secret_value(),
            tls_context=tls,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=15,
            timeout=5,
        )

    async def _take(self, topic: str, payload: Any) -> None:
        """Take one message; what is not well formed is told once and left."""
        owner = topics.owner(topic)
        try:
            said = json.loads(payload)
            if owner and owner[2] == "receipt" and said["spool"] == self.spool.name:
                ranges = [[int(first), int(last)] for first, last in said["ranges"]]
                await asyncio.to_thread(self.spool.erase, ranges)
                self._forget_published(ranges)
            elif owner and owner[2] == "down":
                self._carry(said)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            log.warning("a message on %s is not one of ours: %r", topic, error)

    def _carry(self, said: Any) -> None:
        """Give an order to the radio, or to the stick: the gateway says which."""
        order = Order(
            int(said["id"]),
            frozenset(bytes.fromhex(alias) for alias in said["aliases"]),
            bytes.fromhex(said["frame"]),
            # By our own clock, wrong as it may be: one that was ahead would carry nothing.
            int(said["until"]) - int(said["sent"]) + now_ms(),
            int(said["state"]) if "state" in said else None,
        )
        if said.get("via") != SMS:
            self.radio.carry(order)
        elif self.texts:
            self.texts.carry(order)
        else:
            self.written(order.id, False, "this hub has no stick", SMS)

    def _forget_published(self, ranges: list[list[int]]) -> None:
        for first, last in ranges:
            numbers: Iterable[int] = range(first, last + 1)
            if last - first > len(self._published):
                numbers = [n for n in self._published if first <= n <= last]
            for n in numbers:
                self._published.pop(n, None)

    # What is left to do.

    async def replay(self) -> None:
        """Publish what still waits for a receipt, newest first, never so fast that it stands in an alarm's way."""
        while True:
            await asyncio.sleep(BACKLOG_AT_ONCE / BACKLOG_RATE)
            if self._client is None:
                continue
            now = now_ms()
            due = await asyncio.to_thread(
                self.spool.waiting, BACKLOG_AT_ONCE, now, SETTLED_MS, self._is_under_way
            )
            fresh = [k for k in due if 0 <= now - k.heard_ms < FRESH_MS]
            old = [k for k in due if not 0 <= now - k.heard_ms < FRESH_MS]
            if fresh:
                await self._publish("up", fresh, [])
            if old:
                await self._publish("backlog", old, [])

    def _is_under_way(self, n: int) -> bool:
        return time.monotonic() - self._published.get(n, -RECEIPT_S) < RECEIPT_S

    async def report(self) -> None:
        """Say every 10 s that the hub lives, and what troubles it."""
        while True:
            status = {
                "spooled": len(self.spool),
                "unspooled": self.spool.failed,
                "trouble": self.spool.trouble,
                "dropped": self.dropped,
                "odd_lengths": self.radio.odd_lengths,
                "scan_restarts": self.radio.restarts,
            }
            if self.texts:
                status["sms"] = self.texts.status()
            await self._publish("up", [], [], status)
            await asyncio.sleep(STATUS_S if self._client else 0.5)

    async def run(self) -> None:
        """Run every part until one fails. The stick's thread is none of them: whatever it meets, the radio goes on."""
        self._loop = asyncio.get_running_loop()
        if self.texts:
            self.texts.start()
        try:
            await self._run_parts()
        finally:
            if self.texts:
                self.texts.stop()

    async def _run_parts(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.serve(), name="broker")
            if self._settings.adapter:
                group.create_task(self.radio.listen(), name="scan")
                group.create_task(self.radio.work(), name="carry")
            group.create_task(self.pack(), name="pack")
            for number in range(PUBLISHERS):
                group.create_task(self.publish(), name=f"publish {number}")
            group.create_task(self.replay(), name="replay")
            group.create_task(self.report(), name="report")


def _listed(kept: Kept) -> dict[str, Any]:
    said = {"n": kept.n, "t": kept.heard_ms, "rssi": kept.rssi, "frame": kept.frame.hex()}
    return {**said, "via": SMS} if kept.via == SMS else said
