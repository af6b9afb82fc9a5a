"""The broker of the demo: on loopback, with passwords, spreading shared subscriptions; with and without TLS."""

import asyncio
import ssl

import aiomqtt
import pytest
from sos_gateway.services import ports
from sos_gateway.services.broker import BrokerService

TOPIC = "socors/v1/h/h1/up"


def client(service, user, password, version=aiomqtt.ProtocolVersion.V5):
    tls = ssl.create_default_context(cafile=str(service.ca_file)) if service.ca_file else None
    port = service.port if version == aiomqtt.ProtocolVersion.V5 else service.port_311
    return aiomqtt.Client(
        service.host, port, username=user, password=password, tls_context=tls, protocol=version, timeout=1
    )


@pytest.mark.parametrize("tls", [False, True])
def test_messages_of_both_protocols_reach_a_shared_subscription(tmp_path, tls):
    async def story(service, passwords):
        async with client(service, "gateway", passwords["gateway"]) as gateway:
            await gateway.subscribe("$share/gateway/socors/v1/h/+/up", qos=1)
            for version in (aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311):
                async with client(service, "hub-h1", passwords["hub-h1"], version) as hub:
                    await hub.publish(TOPIC, b"heard", qos=1)
                    message = await asyncio.wait_for(anext(aiter(gateway.messages)), 5)
                    assert (str(message.topic), message.payload) == (TOPIC, b"heard")

    service = BrokerService(tmp_path / "broker", tls=tls)
    passwords = service.add("gateway", "hub-h1")
    with service:
        asyncio.run(story(service, passwords))


def test_a_wrong_password_does_not_come_in(tmp_path):
    async def knock(service):
        async with client(service, "gateway", "guessed"):
            pass

    service = BrokerService(tmp_path / "broker")
    service.add("gateway")
    with service, pytest.raises(aiomqtt.MqttError):
        asyncio.run(knock(service))


def test_a_busy_port_is_stepped_round(tmp_path):
    with BrokerService(tmp_path / "one") as one:
        other = BrokerService(tmp_path / "other", port=one.port)
        assert other.port != one.port
        assert not ports.is_free(one.host, one.port)
