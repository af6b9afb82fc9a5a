"""A device with a modem at a real broker: MQTT 3.1.1 over TLS 1.2 as its modem speaks it, its own credential, its answer."""

import asyncio
import contextlib
import queue
import ssl
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sos_gateway.app import Gateway
from sos_gateway.config import Settings
from sos_gateway.keys.registry import NewWearer, Registry
from sos_gateway.keys.wrapping import new_key_file
from sos_gateway.services.broker import BrokerService
from sos_gateway.services.mosquitto import MosquittoService
from sos_wire import kinds, topics

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from desk import CORNELLA, Pendant

NUMBER, USER = 2001, "device-2001"
WAIT_S = 10


class Modem:
    """The broker's side of a modem: MQTT 3.1.1, TLS 1.2, one subscription, binary payloads."""

    def __init__(self, host, port, ca_file, password, user=USER):
        self.down, self.came_in = queue.Queue(), queue.Queue()
        self.subscribed, self.ended = threading.Event(), threading.Event()
        self.tls = None
        self._mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"{user}-1", protocol=mqtt.MQTTv311, clean_session=True
        )
        self._mqtt.username_pw_set(user, password)
        context = ssl.create_default_context(cafile=str(ca_file))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._mqtt.tls_set_context(context)
        self._mqtt.on_connect = self._connected
        self._mqtt.on_subscribe = lambda *_: self.subscribed.set()
        self._mqtt.on_message = lambda _c, _d, message: self.down.put((message.topic, message.payload))
        self._mqtt.on_disconnect = lambda *_: self.ended.set()
        self._mqtt.connect(host, port)
        self._mqtt.loop_start()

    def _connected(self, client, _data, _flags, code, _properties):
        self.came_in.put(not code.is_failure)
        if not code.is_failure:
            self.tls = client.socket().version()
            client.subscribe(topics.device(NUMBER, "down"), qos=1)

    def publish(self, lane, payload):
        self._mqtt.publish(topics.device(NUMBER, lane), payload, qos=1)

    def close(self):
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@pytest.fixture(params=["mosquitto", "embedded"])
def at_broker(request, tmp_path):
    """(host, port for MQTT 5, port for MQTT 3.1.1, CA file, passwords) of each broker there is."""
    if request.param == "mosquitto":
        request.getfixturevalue("mosquitto_needed")
        service = MosquittoService(tmp_path / "broker")
        passwords = service.add("gateway", USER)
        port_311 = service.port
    else:
        service = BrokerService(tmp_path / "broker", tls=True)
        passwords = service.add("gateway", USER)
        port_311 = service.port_311
    with service:
        yield service.host, service.port, port_311, service.ca_file, passwords


@contextlib.asynccontextmanager
async def gateway_at(at_broker, database_url, tmp_path):
    host, port, _, ca_file, passwords = at_broker
    new_key_file(tmp_path / "key")
    settings = Settings(
        database_url=database_url,
        secret_key_file=tmp_path / "key",
        mqtt_host=host,
        mqtt_port=port,
        mqtt_password=passwords["gateway"],
        mqtt_ca_file=ca_file,
    )
    gateway = Gateway(settings)
    await gateway.start()
    running = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(20):
            await gateway.broker.connected.wait()
        yield gateway
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await gateway.close()


async def answered(modem, lane, payload):
    """Publish as the device does, again and again until it is answered: the lanes subscribe one after the other."""
    for _ in range(40):
        modem.publish(lane, payload)
        with contextlib.suppress(queue.Empty):
            return await asyncio.to_thread(modem.down.get, timeout=0.5)
    raise AssertionError(f"no answer to what was published as {lane}")


def test_an_alarm_over_tls_with_the_devices_own_credential_is_stored_and_answered(
    at_broker, database_url, tmp_path
):
    async def story():
        async with gateway_at(at_broker, database_url, tmp_path) as gateway:
            registry = Registry(gateway.store, gateway.wrapper, gateway.clock)
            secret = await registry.provision(NUMBER, NewWearer("Núria Vila", CORNELLA))
            watch = Pendant(NUMBER, secret, lambda: datetime.now(UTC))
            host, _, port_311, ca_file, passwords = at_broker
            modem = Modem(host, port_311, ca_file, passwords[USER])
            try:
                assert await asyncio.to_thread(modem.subscribed.wait, WAIT_S)
                assert modem.tls == "TLSv1.2"
                for lane, kind in (("alarm", kinds.SOS), ("telemetry", kinds.HEARTBEAT)):
                    event = watch.full(kind)
                    topic, payload = await answered(modem, lane, watch.seal_full(event))
                    told = watch.opened(payload)
                    assert (topic, len(payload)) == (topics.device(NUMBER, "down"), 24)
                    assert told.state == kinds.RECEIVED
                    assert told.ref_seq in (
                        1,
                        event.seq,
                    )  # the alarm's own answer is repeated until it is felt
            finally:
                modem.close()
            async with gateway.store.transaction() as tx:
                cursor = await tx.connection.execute("SELECT device, press_count FROM incident")
                assert [tuple(row.values()) for row in await cursor.fetchall()] == [(NUMBER, 1)]

    asyncio.run(story())


def test_with_a_wrong_password_a_device_does_not_come_in(at_broker):
    host, _, port_311, ca_file, _ = at_broker
    modem = Modem(host, port_311, ca_file, "guessed")
    try:
        # A refusal in words, or a closed connection without one.
        assert modem.ended.wait(WAIT_S)
        assert modem.came_in.empty() or not modem.came_in.get()
        assert not modem.subscribed.is_set()
    finally:
        modem.close()


def test_a_device_speaks_to_no_broker_with_another_authoritys_certificate(at_broker, tmp_path):
    host, _, port_311, _, passwords = at_broker
    other = BrokerService(tmp_path / "other", tls=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        Modem(host, port_311, other.ca_file, passwords[USER])
