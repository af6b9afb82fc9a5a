"""The gateway's two connections to the broker: alarms on one, what can wait on the other."""

import asyncio
import hashlib
import logging
import ssl
from typing import Any

import aiomqtt
from sos_wire import topics

from ..cancelled import end_if_cancelled
from ..config import Settings
from .lanes import BACKLOG_MOST, LIVE_AT_ONCE, Ingest, Message, work
from .waiting import Waiting

RECONNECT_S = (0.2, 5.0)  # first and longest pause
# (share group, topic). Each topic has a group of its own: rumqttd deals the messages of a group round, whatever their
# topics.
LIVE_TOPICS = (("live", f"{topics.ROOT}/h/+/up"), ("alarm", f"{topics.ROOT}/d/+/alarm"))
LATER_TOPICS = (("later", f"{topics.ROOT}/h/+/backlog"), ("telemetry", f"{topics.ROOT}/d/+/telemetry"))

log = logging.getLogger("socors.mqtt")


def shared(group: str, topic: str, password: str) -> str:
    """Return the shared subscription of a topic, in a group only those who know the gateway's password can name.

    mosquitto lets any user join any group and deals it messages that its rights then stop, so they reach nobody:
    a hub that could guess the group's name would make every second alarm wait for its repetition.
    """
    mark = hashlib.sha256(f"socors share {group} {password}".encode()).hexdigest()[:24]
    return f"$share/{group}-{mark}/{topic}"


class Broker:
    """Publishes for the whole process and feeds both lanes."""

    def __init__(self, settings: Settings, process: str) -> None:
        self._settings = settings
        self._process = process
        self._client: aiomqtt.Client | None = None
        self.connected = asyncio.Event()

    def _new_client(self, lane: str) -> aiomqtt.Client:
        settings = self._settings
        tls = ssl.create_default_context(cafile=str(settings.mqtt_ca_file)) if settings.mqtt_ca_file else None
        return aiomqtt.Client(
            settings.mqtt_host,
            settings.mqtt_port,
            identifier=f"gateway-{self._process}-{lane}",
            username=settings.mqtt_user,
            password=settings.mqtt_password.get_secret_value(),
            tls_context=tls,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=15,
            timeout=5,
            max_queued_incoming_messages=BACKLOG_MOST,
        )

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish if connected. What is lost here is asked for again: no promise rests on it."""
        if self._client is None:
            return
        try:
            await self._client.publish(topic, payload, qos=1, timeout=5)
        except aiomqtt.MqttError as error:
            log.warning("could not publish to %s: %s", topic, error)
        end_if_cancelled()

    async def run(self, ingest: Ingest) -> None:
        """Serve both lanes until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lane("live", LIVE_TOPICS, ingest, LIVE_AT_ONCE, publishes=True))
            group.create_task(self._lane("later", LATER_TOPICS, ingest, 1, publishes=False))

    async def _lane(
        self,
        name: str,
        subscriptions: tuple[tuple[str, str], ...],
        ingest: Ingest,
        workers: int,
        publishes: bool,
    ) -> None:
        queue = Waiting(BACKLOG_MOST, ingest)
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(work(queue, ingest), name=f"{name} {number}")
            group.create_task(self._feed(name, subscriptions, queue, publishes), name=f"{name} feed")

    async def _feed(
        self, name: str, subscriptions: tuple[tuple[str, str], ...], queue: Waiting, publishes: bool
    ) -> None:
        pause, longest = RECONNECT_S
        password = self._settings.mqtt_password.get_secret_value()
        while True:
            try:
                async with self._new_client(name) as client:
                    for group, topic in subscriptions:
                        await client.subscribe(shared(group, topic, password), qos=1)
                    if publishes:
                        self._client = client
                        self.connected.set()
                    log.info("connected to the broker, %s lane", name)
                    pause = RECONNECT_S[0]
                    async for message in client.messages:
                        await queue.take_in(Message(str(message.topic), _bytes(message.payload)))
            except aiomqtt.MqttError as error:
                log.warning("broker, %s lane: %s; again in %.1f s", name, error, pause)
            finally:
                if publishes:
                    self._client = None
                    self.connected.clear()
            end_if_cancelled()
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)


def _bytes(payload: Any) -> bytes:
    if isinstance(payload, bytes | bytearray):
        return bytes(payload)
    return b"" if payload is None else str(payload).encode()
