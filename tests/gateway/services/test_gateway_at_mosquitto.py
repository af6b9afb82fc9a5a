"""The gateway's own connections at a real mosquitto: TLS, its rights, two processes, a broker that dies."""

import asyncio
import contextlib
import ssl

import aiomqtt
import pytest
from sos_gateway.config import Settings
from sos_gateway.ingest.mqtt import Broker
from sos_gateway.services.mosquitto import MosquittoService


class Listener:
    """In the place of the ingest: keeps what it is given."""

    def __init__(self):
        self.taken = asyncio.Queue()

    async def take(self, message):
        await self.taken.put((message.topic, message.payload))


def settings(broker, password, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(bytes(32))
    return Settings(
        database_url="postgresql://nobody@/nothing",
        secret_key_file=key,
        mqtt_port=broker.port,
        mqtt_password=password,
        mqtt_ca_file=broker.ca_file,
    )


def hub(broker, password):
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username="hub-h1",
        password=password,
        tls_context=ssl.create_default_context(cafile=str(broker.ca_file)),
        protocol=aiomqtt.ProtocolVersion.V5,
    )


@contextlib.asynccontextmanager
async def gateway(broker, password, tmp_path, name):
    listener, connection = Listener(), Broker(settings(broker, password, tmp_path), name)
    running = asyncio.create_task(connection.run(listener))
    async with asyncio.timeout(10):
        await connection.connected.wait()
    try:
        yield connection, listener
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_taken(client, listener, topic, payload):
    """Publish until it has arrived: the two lanes subscribe one after the other."""
    async with asyncio.timeout(20):
        while True:
            await client.publish(topic, payload, qos=1)
            try:
                async with asyncio.timeout(0.5):
                    while (await listener.taken.get()) != (topic, payload):
                        pass
                    return
            except TimeoutError:
                continue


def test_both_lanes_reach_the_gateway_and_its_answers_the_hub(broker, tmp_path):
    passwords = broker.add("gateway", "hub-h1")

    async def story():
        async with (
            gateway(broker, passwords["gateway"], tmp_path, "one") as (connection, listener),
            hub(broker, passwords["hub-h1"]) as client,
        ):
            for lane in ("up", "backlog"):
                await until_taken(client, listener, f"socors/v1/h/h1/{lane}", lane.encode())
            for lane in ("down", "receipt"):
                await client.subscribe(f"socors/v1/h/h1/{lane}", qos=1)
                await connection.publish(f"socors/v1/h/h1/{lane}", lane.encode())
                async with asyncio.timeout(10):
                    message = await anext(aiter(client.messages))
                assert (str(message.topic), message.payload) == (f"socors/v1/h/h1/{lane}", lane.encode())

    asyncio.run(story())


def test_of_two_gateways_each_message_reaches_one(broker, tmp_path):
    passwords = broker.add("gateway", "hub-h1")
    topic = "socors/v1/h/h1/up"

    async def story():
        async with (
            gateway(broker, passwords["gateway"], tmp_path, "one") as (_, one),
            gateway(broker, passwords["gateway"], tmp_path, "other") as (_, other),
            hub(broker, passwords["hub-h1"]) as client,
        ):
            sent = [f"{n}".encode() for n in range(40)]
            for payload in sent:
                await client.publish(topic, payload, qos=1)
            got = []
            async with asyncio.timeout(10):
                while len(got) < len(sent):
                    for listener in (one, other):
                        with contextlib.suppress(asyncio.QueueEmpty):
                            got.append(listener.taken.get_nowait()[1])
                    await asyncio.sleep(0)
            assert sorted(got) == sorted(sent)
            assert one.taken.empty()
            assert other.taken.empty()

    asyncio.run(story())


def test_the_gateway_comes_back_after_its_broker_was_killed(broker, tmp_path):
    passwords = broker.add("gateway", "hub-h1")

    async def story():
        async with gateway(broker, passwords["gateway"], tmp_path, "one") as (connection, listener):
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            async with hub(broker, passwords["hub-h1"]) as client:
                await until_taken(client, listener, "socors/v1/h/h1/up", b"after the kill")
            assert connection.connected.is_set()

    asyncio.run(story())


@pytest.mark.usefixtures("mosquitto_needed")
def test_a_broker_whose_certificate_is_another_authoritys_is_not_spoken_to(broker, tmp_path):
    passwords = broker.add("gateway")
    other = MosquittoService(tmp_path / "other")

    async def story():
        wrong = settings(broker, passwords["gateway"], tmp_path).model_copy(
            update={"mqtt_ca_file": other.ca_file}
        )
        with pytest.raises(aiomqtt.MqttError, match="CERTIFICATE_VERIFY_FAILED"):
            async with Broker(wrong, "one")._new_client("live"):
                pass

    asyncio.run(story())


@pytest.mark.usefixtures("mosquitto_needed")
@pytest.mark.parametrize("again", range(10))
def test_a_user_added_at_once_after_the_start_is_let_in(again, tmp_path):
    with MosquittoService(tmp_path / "broker") as service:
        password = service.add("gateway")["gateway"]

        async def story():
            async with Broker(settings(service, password, tmp_path), "one")._new_client("live"):
                pass

        asyncio.run(story())
        assert service.pid is not None, f"start {again}: the word to read its lists again ended the broker"
