"""An SOS by text message: telephone, SMS centre, stick, hub, broker, gateway, desk, and the answers back by text."""

import time

import httpx
import pytest
from sos_gateway.app import utc_now
from sos_gateway.demo.house import CORNELLA, HUB_SIM
from sos_gateway.keys.registry import NewWearer, Registry
from sos_gateway.keys.wrapping import Wrapper, read_key_file
from sos_wire import frame, kinds, sms
from sos_wire.seal import RECOVERY_MODE, Keys

pytestmark = pytest.mark.system

STICK, HUB = HUB_SIM, "hub1"  # the first hub has it because there are watches
PLACE = (412_650_000, 19_810_000)  # on the beach of Castelldefels, far from the hub


class Watch:
    """A wearer whose device has texts and nothing else: its keys, its number, its telephone."""

    def __init__(self, scene, number, keys):
        self._scene, self.number, self._keys = scene, number, keys
        self.telephone = f"+346100{number}"
        self.alias = keys.alias(RECOVERY_MODE, 1)  # it has no clock yet

    def sealed(self, seq, kind, **fields):
        body = frame.encode_full(frame.full(1, seq, kind, age_s=0, **fields))
        return sms.encode(self._keys.seal_up(self.alias, kinds.FORM_FULL, body))

    async def text(self, text):
        answer = await self._scene.wearers.post(
            f"/telephones/{self.telephone}/texts", {"to": STICK, "text": text}
        )
        assert answer["taken"]

    async def answers(self):
        """Return what was texted back, opened with this device's keys."""
        got = await self._scene.wearers.get(f"/telephones/{self.telephone}/texts")
        assert {text["from"] for text in got} <= {STICK}
        return [frame.decode_down(self._keys.open_down(sms.decode(text["text"]))) for text in got]

    async def answered(self, seq, state):
        async def condition():
            return any((down.ref_seq, down.state) == (seq, state) for down in await self.answers())

        await self._scene.until(f"{kinds.STATE_NAMES[state]} of event {seq} is texted", condition)


async def a_watch(scene, number):
    registry = Registry(scene.house.store, Wrapper(read_key_file(scene.house.folder / "key")), utc_now)
    secret = await registry.provision(number, NewWearer(f"Watch {number}", CORNELLA), "watch")
    return Watch(scene, number, Keys(secret))


async def the_stick(scene):
    """Let texts travel fast, and be sure of the stick."""
    await scene.wearers.post("/texts", {"scale": 0.05})
    assert HUB in scene.house.hub_sticks


async def officer(scene, device, step):
    number = (await scene.incidents(device))[-1]["id"]
    headers = {"Authorization": f"Bearer {scene.house.token}"}
    async with httpx.AsyncClient(base_url=scene.house.gateway_url, headers=headers) as client:
        body = {"disposition": "real"} if step == "close" else None
        (await client.post(f"/api/incidents/{number}/{step}", json=body)).raise_for_status()


def test_an_sos_texted_twice_and_out_of_order_is_one_incident_and_its_states_are_texted_back(play):
    async def story(scene):
        await the_stick(scene)
        watch = await a_watch(scene, 30011)
        scene.raised[watch.number] += 1
        await scene.wearers.post("/texts", {"doubled": 1.0})
        await watch.text("is anybody there?")
        await watch.text(watch.sealed(1, kinds.HEARTBEAT))
        await watch.text(
            watch.sealed(2, kinds.SOS, lat_e7=PLACE[0], lon_e7=PLACE[1], radius_m=12, fix_age_s=40)
        )
        await scene.stored_alarm(watch.number)
        await scene.incident_in(watch.number, "open")
        await watch.answered(2, kinds.RECEIVED)
        await officer(scene, watch.number, "accept")
        await watch.answered(2, kinds.ACCEPTED)
        await officer(scene, watch.number, "close")
        await watch.answered(2, kinds.CLOSED)
        await scene.wearers.post("/texts", {"doubled": 0.0})
        assert {down.ref_seq for down in await watch.answers()} == {2}  # no heartbeat is answered by text
        assert len(await scene.incidents(watch.number)) == 1
        assert len(await scene.alarms(watch.number)) == 1
        (event,) = await scene.alarms(watch.number)
        assert (event["lat_e7"], event["lon_e7"]) == PLACE
        stick = await scene.wearers.get(f"/sticks/{STICK}")
        assert stick["unknown"] == []

    play(story)


def test_an_sos_that_comes_while_hub_and_stick_are_away_and_the_broker_is_dead_arrives_in_the_end(play):
    async def story(scene):
        await the_stick(scene)
        watch = await a_watch(scene, 30012)
        scene.raised[watch.number] += 1
        await scene.wearers.post(f"/sticks/{STICK}/plug", {"plugged": False})
        await watch.text(watch.sealed(1, kinds.SOS))
        await scene.kill("broker")
        await scene.wearers.post(f"/sticks/{STICK}/plug", {"plugged": True})
        alias = watch.alias

        async def spooled():
            return any(raw[1:6] == alias for raw in scene._spool(HUB))

        await scene.until("the text is in the spool", spooled)
        await scene.kill(f"hub-{HUB}")
        await scene.bring_back(f"hub-{HUB}")
        await scene.bring_back("broker")
        (event, *more) = [await scene.stored_alarm(watch.number)]
        assert not more
        assert event["received_at"] is not None
        await watch.answered(1, kinds.RECEIVED)
        await scene.incident_in(watch.number, "open")
        await officer(scene, watch.number, "accept")
        await watch.answered(1, kinds.ACCEPTED)
        await officer(scene, watch.number, "close")
        assert len(await scene.incidents(watch.number)) == 1

    play(story)


def test_a_telephone_that_floods_the_stick_delays_nobody_for_ever_and_is_not_answered(play):
    async def story(scene):
        await the_stick(scene)
        watch, flooder = await a_watch(scene, 30013), await a_watch(scene, 30014)
        scene.raised[watch.number] += 1
        began = time.monotonic_ns()
        for n in range(60):
            await flooder.text(f"buy now {n}" if n % 2 else sms.encode(bytes([0x12]) + n.to_bytes(63, "big")))
        await watch.text(watch.sealed(1, kinds.SOS))
        await scene.stored_alarm(watch.number)
        await watch.answered(1, kinds.RECEIVED)
        assert await flooder.answers() == []
        await scene.incident_in(watch.number, "open")
        await officer(scene, watch.number, "accept")
        await officer(scene, watch.number, "close")
        # The radio of the same hub goes on.
        device = scene.pendant()
        await scene.only(HUB)
        await scene.press_to_close(device)
        assert scene.wearers.felt_since(device, began)

    play(story)
