"""A hub at a real mosquitto: what it packs, repeats, holds back and keeps, while broker, disk and gateway fail."""

import asyncio
import contextlib
import json
import os
import random
import signal
import ssl
import time

import aiomqtt
import pytest
from air import a_frame, until
from sos_gateway.cancelled import end_if_cancelled
from sos_gateway.hub import relay
from sos_gateway.hub.config import HubSettings
from sos_gateway.hub.relay import Hub
from sos_wire import sms

from simulator import bleak_backend
from simulator.chips.gsm_stick import GsmStick
from simulator.radio.pendant_radio import Air
from simulator.world.phones import LoopScheduler, SmsCentre

GATEWAY = "gateway"


class Desk:
    """In the place of the gateway: keeps what hubs say and gives receipts when it is told to."""

    def __init__(self):
        self.messages = []
        self.gives_receipts = True
        self.client = None

    def said(self, lane=None):
        return [said for at, said in self.messages if lane in (None, at)]

    def frames(self, lane=None):
        return [bytes.fromhex(heard["frame"]) for said in self.said(lane) for heard in said["frames"]]

    def status(self):
        return next((said["status"] for said in reversed(self.said()) if said["status"]), {})

    async def receipt(self, said):
        numbers = [[heard["n"]] * 2 for heard in said["frames"] if heard["n"]]
        payload = json.dumps({"v": 1, "spool": said["spool"], "ranges": numbers})
        await self.client.publish("socors/v1/h/h1/receipt", payload, qos=1)

    async def listen(self, broker, password):
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    broker.host,
                    broker.port,
                    username=GATEWAY,
                    password=password,
                    tls_context=ssl.create_default_context(cafile=str(broker.ca_file)),
                    protocol=aiomqtt.ProtocolVersion.V5,
                ) as self.client:
                    for lane in ("up", "backlog"):
                        await self.client.subscribe(f"socors/v1/h/h1/{lane}", qos=1)
                    async for message in self.client.messages:
                        said = json.loads(message.payload)
                        self.messages.append((str(message.topic).rsplit("/")[-1], said))
                        if self.gives_receipts and said["frames"]:
                            await self.receipt(said)
            end_if_cancelled()
            await asyncio.sleep(0.05)


class Line:
    """The network between hub and broker, which can be cut."""

    def __init__(self, broker):
        self._broker = broker
        self._ends = set()

    async def open(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        there, back = await asyncio.open_connection(self._broker.host, self._broker.port)
        self._ends |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._ends -= {writer, back}

    def cut(self):
        """End every connection; return how many there were."""
        cut = len(self._ends) // 2
        for end in self._ends:
            end.transport.abort()
        return cut

    async def close(self):
        self._server.close()
        self.cut()


async def _copy(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)
    writer.close()


@pytest.fixture
def at_work(broker, tmp_path, monkeypatch):
    """at_work(story) runs story(hub, desk, line) with a hub connected; what is heard is said to it."""
    monkeypatch.setattr(relay, "RECONNECT_S", (0.01, 0.2))
    passwords = broker.add(GATEWAY, "hub-h1")

    def play(story, spool_file=tmp_path / "spool.db", prepare=lambda hub: None, **more):
        async def whole():
            air, line, desk = Air(1), Line(broker), Desk()
            adapter = f"tcp-client:127.0.0.1:{await air.open_hub('h1')}"
            settings = {
                "name": "h1",
                "spool_file": spool_file,
                "mqtt_port": await line.open(),
                "mqtt_password": passwords["hub-h1"],
                "mqtt_ca_file": broker.ca_file,
                "adapter": adapter,
                "backend": "simulator.bleak_backend",
            }
            settings = HubSettings(**{**settings, **more})
            hub = Hub(settings)
            prepare(hub)
            listening = asyncio.create_task(desk.listen(broker, passwords[GATEWAY]))
            await until("the desk listens", lambda: desk.client is not None)
            running = asyncio.create_task(hub.run())
            try:
                await until("the hub reports", desk.status)
                await story(hub, desk, line)
                assert not running.done(), running.exception()
            finally:
                for task in (running, listening):
                    task.cancel()
                await asyncio.gather(running, listening, return_exceptions=True)
                await line.close()
                await bleak_backend.forget(adapter)
                await air.close()

        asyncio.run(whole())

    return play


def test_what_is_heard_together_goes_together_and_of_identical_frames_the_strongest(at_work):
    async def story(hub, desk, line):
        frames = [a_frame() for _ in range(5)]
        for rssi in (-80, -50, -70):
            for frame in frames:
                hub.heard(frame, rssi)
        await until("all are there", lambda: set(desk.frames()) == set(frames))
        (said,) = [said for said in desk.said("up") if said["frames"]]
        assert sorted(bytes.fromhex(heard["frame"]) for heard in said["frames"]) == sorted(frames)
        assert {heard["rssi"] for heard in said["frames"]} == {-50}
        hub.heard(frames[0], -40)  # the same burst goes on
        hub.heard(after := a_frame(), -40)
        await until("the next is there", lambda: after in desk.frames())
        assert desk.frames("up").count(frames[0]) == 1
        await until("every frame is receipted", lambda: len(hub.spool) == 0)

    at_work(story)


def test_what_is_not_receipted_is_published_again_until_it_is(at_work, monkeypatch):
    monkeypatch.setattr(relay, "RECEIPT_S", 0.2)
    monkeypatch.setattr(relay, "SETTLED_MS", 100)

    async def story(hub, desk, line):
        desk.gives_receipts = False
        hub.heard(frame := a_frame(), -60)
        await until("it came three times", lambda: desk.frames().count(frame) >= 3)
        assert len({heard["n"] for said in desk.said() for heard in said["frames"]}) == 1
        desk.gives_receipts = True
        await until("it is receipted", lambda: len(hub.spool) == 0)

    at_work(story)


def test_an_old_backlog_comes_newest_first_in_its_own_lane_no_faster_than_agreed_and_overtaken_by_what_is_new(
    at_work,
):
    old = [a_frame() for _ in range(500)]
    began = round(time.time() * 1000) - 3_600_000

    def prepare(hub):
        hub.spool.keep([(began + n, -60, frame) for n, frame in enumerate(old)])

    async def story(hub, desk, line):
        await until("the backlog has begun", lambda: desk.frames("backlog"))
        hub.heard(new := a_frame(), -60)
        await until("the new one is there", lambda: new in desk.frames("up"))
        assert len(desk.frames("backlog")) < len(old)
        await until("all are receipted", lambda: len(hub.spool) == 0)
        assert desk.frames("backlog") == old[::-1]
        said = desk.said("backlog")
        assert max(len(message["frames"]) for message in said) <= relay.BACKLOG_AT_ONCE
        lasted_s = (said[-1]["sent"] - said[0]["sent"]) / 1000
        assert lasted_s >= (len(old) - relay.BACKLOG_AT_ONCE) / relay.BACKLOG_RATE * 0.95

    at_work(story, prepare=prepare)


@pytest.mark.slow
def test_a_hundred_lost_connections_lose_nothing(at_work, monkeypatch):
    monkeypatch.setattr(relay, "SETTLED_MS", 100)

    async def story(hub, desk, line):
        frames, cuts = [], 0
        while cuts < 100:
            frames.append(a_frame())
            hub.heard(frames[-1], -60)
            connected = len(desk.messages)
            await until("the hub says something", lambda n=connected: len(desk.messages) > n)
            cuts += line.cut()
        await until("everything has arrived", lambda: set(desk.frames()) >= set(frames))
        await until("everything is receipted", lambda: len(hub.spool) == 0)

    at_work(story)


def test_what_is_heard_while_the_broker_is_down_for_long_arrives_when_it_is_back(at_work, broker):
    async def story(hub, desk, line):
        await asyncio.to_thread(broker.kill)
        frames = [a_frame() for _ in range(300)]
        for n, frame in enumerate(frames):
            hub.heard(frame, -60)
            await until("it is on disk", lambda n=n: len(hub.spool) > n)
        await asyncio.to_thread(broker.start)
        await until("all have arrived", lambda: set(desk.frames()) == set(frames))
        await until("all are receipted", lambda: len(hub.spool) == 0)

    at_work(story)


def test_what_is_heard_while_the_broker_hangs_is_on_disk_all_the_same(at_work, broker):
    async def story(hub, desk, line):
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            # More than are published at once: each waits for an acknowledgement that does not come.
            for n in range(3 * relay.PUBLISHERS):
                hub.heard(a_frame(), -60)
                await until("it is on disk", lambda n=n: len(hub.spool) > n)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await until("all are receipted", lambda: len(hub.spool) == 0)

    at_work(story)


def test_without_a_disk_frames_pass_unspooled_and_the_hub_says_so(at_work, tmp_path, monkeypatch):
    monkeypatch.setattr(relay, "STATUS_S", 0.2)

    async def story(hub, desk, line):
        hub.heard(frame := a_frame(), -60)
        await until("it is there", lambda: frame in desk.frames("up"))
        assert [heard["n"] for said in desk.said() for heard in said["frames"]] == [0]
        await until(
            "the hub reports it", lambda: desk.status()["unspooled"] == 1 and desk.status()["trouble"]
        )

    at_work(story, spool_file=tmp_path / "missing" / "spool.db")


def test_what_comes_on_its_own_topics_and_is_not_well_formed_does_not_end_a_hub(at_work):
    async def story(hub, desk, line):
        spool = hub.spool.name
        for payload in (
            b"",
            b"\xff\xfe",
            b"null",
            b"[" * 100_000,
            json.dumps({"spool": spool}),
            json.dumps({"spool": spool, "ranges": [[1, 2**70]]}),
            json.dumps({"spool": spool, "ranges": [["1", None]]}),
            json.dumps({"id": 1, "aliases": 5, "frame": "00", "sent": 0, "until": 0}),
            json.dumps({"id": 1, "aliases": ["zz"], "frame": "00", "sent": 0, "until": 0}),
            json.dumps({"id": 2**70, "aliases": [], "frame": "", "sent": 0, "until": 2**70}),
        ):
            for lane in ("receipt", "down"):
                await desk.client.publish(f"socors/v1/h/h1/{lane}", payload, qos=1)
        hub.heard(frame := a_frame(), -60)
        await until("the hub goes on", lambda: frame in desk.frames("up"))
        await until("and takes receipts", lambda: len(hub.spool) == 0)

    at_work(story)


@pytest.mark.parametrize("behind_ms", [-3_600_000, 0, 3_600_000])
def test_a_hub_whose_clock_is_wrong_carries_what_the_gateway_gives_it_for_as_long(at_work, behind_ms):
    async def story(hub, desk, line):
        sent = relay.now_ms() - behind_ms
        order = {"id": 1, "aliases": ["0102030405"], "frame": "11" + "00" * 23, "sent": sent}
        await desk.client.publish(
            "socors/v1/h/h1/down", json.dumps({**order, "until": sent + 300_000}), qos=1
        )
        await until("the hub looks for the device", lambda: hub.radio._orders)
        assert 0 < hub.radio._orders[0].until_ms - relay.now_ms() <= 300_000
        await desk.client.publish("socors/v1/h/h1/down", json.dumps({**order, "until": sent - 1}), qos=1)
        await until("it is withdrawn", lambda: not hub.radio._orders)

    at_work(story)


def test_a_receipt_for_another_spool_erases_nothing(at_work):
    async def story(hub, desk, line):
        desk.gives_receipts = False
        hub.heard(a_frame(), -60)
        await until("it is there", desk.frames)
        for spool, left in (("0badcafe", 1), (hub.spool.name, 0)):
            payload = json.dumps({"v": 1, "spool": spool, "ranges": [[1, 1]]})
            await desk.client.publish("socors/v1/h/h1/receipt", payload, qos=1)
            if not left:
                await until("the right one erases it", lambda: len(hub.spool) == 0)
            else:
                hub.heard(mark := a_frame(), -60)
                await until("a later frame is there", lambda mark=mark: mark in desk.frames())
                assert len(hub.spool) == 2
                hub.spool.erase([[2, 2]])

    at_work(story)


class Stick:
    """A stick in a hub's port, and a wearer's telephone."""

    NUMBER, WEARER = "+34600000001", "+34600000002"

    def __init__(self, folder):
        self.centre = SmsCentre(LoopScheduler(), random.Random(3))
        self.centre.weather.scale = 0
        self.stick = GsmStick(self.NUMBER, self.centre, folder / "stick")
        self.port = str(self.stick.path)
        self.answers = []
        self.centre.attach(self.WEARER, lambda sender, text: self.answers.append(text))

    def text(self, frame):
        self.centre.send(self.WEARER, self.NUMBER, sms.encode(frame), lambda ok: None)

    @contextlib.contextmanager
    def plugged(self):
        self.stick.plug()
        try:
            yield
        finally:
            self.stick.unplug()


async def give(desk, aliases, answer, via, number=1):
    now = relay.now_ms()
    said = {"id": number, "aliases": [alias.hex() for alias in aliases], "frame": answer.hex(), "sent": now}
    said |= {"until": now + 60_000, "state": 1, "via": via}
    await desk.client.publish("socors/v1/h/h1/down", json.dumps(said), qos=1)


def reports(desk):
    return [report for said in desk.said() for report in said["written"]]


@pytest.mark.parametrize("radio", [{}, {"adapter": ""}])
def test_a_hub_with_a_stick_says_what_came_by_text_and_texts_what_it_is_told_to(at_work, tmp_path, radio):
    post = Stick(tmp_path)
    frame, answer = b"\x12" + os.urandom(63), b"\x11" + os.urandom(23)

    async def story(hub, desk, line):
        with post.plugged():
            post.text(frame)
            await until("it is there", lambda: frame in desk.frames("up"))
            (heard,) = [heard for said in desk.said() for heard in said["frames"]]
            assert (heard["via"], heard["rssi"]) == ("sms", 0)
            await until("it is receipted", lambda: len(hub.spool) == 0)
            await give(desk, [frame[1:6]], answer, "sms")
            await until("it is texted", lambda: post.answers == [sms.encode(answer)])
            await until(
                "it is reported", lambda: reports(desk) == [{"id": 1, "ok": True, "why": "", "via": "sms"}]
            )
            assert hub.texts.status()["received"] == 1

    at_work(story, sms_port=post.port, **radio)


def test_what_was_texted_while_the_broker_was_away_is_still_said_to_be_a_text_afterwards(
    at_work, broker, tmp_path
):
    post = Stick(tmp_path)
    texted, heard = [b"\x12" + os.urandom(63) for _ in range(4)], a_frame()

    async def story(hub, desk, line):
        with post.plugged():
            await asyncio.to_thread(broker.kill)
            for frame in texted:
                post.text(frame)
            hub.heard(heard, -60)
            await until("all are on disk", lambda: len(hub.spool) == 5)
            await until("the SIM is empty", lambda: not post.stick.memory)
            await asyncio.to_thread(broker.start)
            await until("all have arrived", lambda: set(desk.frames()) == {*texted, heard})
            await until("all are receipted", lambda: len(hub.spool) == 0)
        via = {row["frame"]: row.get("via") for said in desk.said() for row in said["frames"]}
        assert via == {**{frame.hex(): "sms" for frame in texted}, heard.hex(): None}

    at_work(story, sms_port=post.port)


def test_what_the_stick_misses_is_in_the_hubs_health_and_the_radio_goes_on(at_work, tmp_path, monkeypatch):
    monkeypatch.setattr(relay, "STATUS_S", 0.2)

    async def story(hub, desk, line):
        await until("the stick is missed", lambda: desk.status()["sms"]["state"] == "no stick")
        hub.heard(frame := a_frame(), -60)
        await until("the radio's frame is there", lambda: frame in desk.frames("up"))

    at_work(story, sms_port=str(tmp_path / "nothing"))


def test_a_hub_without_a_stick_says_that_it_cannot_text(at_work):
    async def story(hub, desk, line):
        await give(desk, [os.urandom(5)], b"\x11" + os.urandom(23), "sms", 7)
        await until("it is reported", lambda: reports(desk))
        assert reports(desk) == [{"id": 7, "ok": False, "why": "this hub has no stick", "via": "sms"}]
        assert not hub.radio._orders

    at_work(story)


def test_a_hub_told_to_end_just_when_the_broker_acknowledges_ends(tmp_path):
    acknowledged = []

    class Broker:
        async def publish(self, *args, **options):
            acknowledged.append(asyncio.get_running_loop().create_future())
            await asyncio.wait_for(acknowledged[-1], 60)  # as aiomqtt waits

    async def whole():
        hub = Hub(HubSettings(name="h1", spool_file=tmp_path / "spool.db", mqtt_password="x", adapter="a"))
        hub._client = Broker()
        reporting = asyncio.create_task(hub.report())
        await until("it reports", lambda: acknowledged)
        acknowledged[0].set_result(None)
        reporting.cancel()
        await until("it has ended", reporting.done)
        assert reporting.cancelled()

    asyncio.run(whole())
