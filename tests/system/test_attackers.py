"""A stranger's radio, a stolen hub: neither stops an alarm, raises one, or takes anything down."""

import asyncio
import json
import random
import ssl

import aiomqtt
import httpx
import pytest
from rogue import Rogue, advertisement
from sos_wire import kinds

pytestmark = pytest.mark.system

PACKETS = 12


async def rogue_at(scene, name="rogue"):
    port = (await scene.wearers.post(f"/hubs/{name}"))["port"]
    return Rogue(f"tcp-client:127.0.0.1:{port}")


async def shouted(rogue, listener, frame):
    """Shout a frame until another radio has heard a burst of it: so has every hub."""
    await rogue.shout(advertisement(frame))
    for _ in range(PACKETS):
        await listener.hear(frame.hex(), lambda heard: heard == frame)


async def metrics(scene):
    async with httpx.AsyncClient(base_url=scene.house.gateway_url) as client:
        return (await client.get("/metrics")).text


async def counters(scene):
    return {row["name"]: row["value"] for row in await scene.all("SELECT name, value FROM counter")}


async def state_of_things(scene):
    return await scene.all("SELECT id, state, press_count, kind FROM incident ORDER BY id")


def test_a_central_that_connects_and_holds_is_sent_away_and_the_alarm_arrives(play):
    async def story(scene):
        device = scene.pendant()
        keys = await scene.keys(device)
        async with await rogue_at(scene) as rogue:
            await scene.reception(deaf=True)  # so that the holder is the first and only one to hear
            pressed = await scene.press(device)
            found, _ = await rogue.hear("the device", lambda frame: keys.open_up(frame) is not None)
            sent_away = await rogue.hold(found)
            assert sent_away is not None
            await scene.reception(deaf=False)
            async with asyncio.timeout(20):
                await sent_away.wait()
            # It may try again, under the address it has: it is not let in.
            again, _ = await rogue.hear("the device", lambda frame: keys.open_up(frame) is not None)
            refused = await rogue.hold(again)
            if refused is not None:
                async with asyncio.timeout(20):
                    await refused.wait()
            await scene.stored_alarm(device)
            await scene.felt(device, "received", pressed)
        assert scene.device_log(device).count("a central is sent away") >= 2
        await scene.incident_in(device, "open")
        await scene.officer(device, "accept", "close")

    play(story)


def test_forged_replayed_truncated_and_over_long_frames_over_the_air_are_counted_and_raise_nothing(play):
    async def story(scene):
        device = scene.pendant()
        keys = await scene.keys(device)
        async with await rogue_at(scene) as rogue, await rogue_at(scene, "listener") as listener:
            pressed = await scene.press(device)
            _, authentic = await rogue.hear("the device", lambda frame: keys.open_up(frame) is not None)
            await scene.felt(device, "received", pressed)
            await scene.incident_in(device, "open")
            await scene.officer(device, "accept", "close")
            before, counted = await state_of_things(scene), await counters(scene)
            draw = random.Random(3)
            altered = bytes([*authentic[:-1], authentic[-1] ^ 1])
            for frame in (draw.randbytes(24), altered, authentic[:23], authentic + bytes(3), b"", authentic):
                await shouted(rogue, listener, frame)
            await rogue.be_quiet()

            async def kept():
                return (await counters(scene)).get("unresolved", 0) >= counted.get("unresolved", 0) + 2

            await scene.until("the forged and the altered frame are counted", kept)

            assert await state_of_things(scene) == before
            assert len(await scene.alarms(device)) == 1

    play(story)


def test_what_a_stolen_hub_sends_is_refused_and_counted_and_raises_nothing(play):
    async def story(scene):
        device = scene.pendant()
        keys = await scene.keys(device)
        sent_for_real = await one_alarm(scene, device, keys)
        before = await state_of_things(scene)
        house = scene.house
        async with aiomqtt.Client(
            house.broker.host,
            house.broker.port,
            username="hub-hub1",
            password=house.passwords["hub-hub1"],
            tls_context=ssl.create_default_context(cafile=str(house.broker.ca_file)),
            protocol=aiomqtt.ProtocolVersion.V5,
        ) as client:
            draw = random.Random(5)
            good = message([sent_for_real])
            rubbish = [b"", b"{", b"[]", b"null", draw.randbytes(200), b"\xff" * 50, good[:-9]]
            rubbish += [message([frame]) for frame in (b"\x11", sent_for_real[:23], sent_for_real + b"\x00")]
            rubbish += [message([draw.randbytes(size) for size in (24, 64, 200)])]
            rubbish += [message([sent_for_real], hub="hub2"), message([bytes(250)])]
            for payload in (*rubbish, good, good):
                await client.publish("socors/v1/h/hub1/up", payload, qos=1)

        async def refused():
            said = await metrics(scene)
            return 'why="foreign_hub"' in said and 'why="json_invalid"' in said

        await scene.until("what was refused is counted by its reason", refused)
        assert await state_of_things(scene) == before
        assert len(await scene.alarms(device)) == 1
        await scene.press_to_close(device)  # and the next alarm arrives as ever

    play(story)


async def one_alarm(scene, device, keys):
    """Let a device raise one alarm, see it closed, and return the frame that carried it."""
    async with await rogue_at(scene) as listener:
        pressed = await scene.press(device)
        _, frame = await listener.hear("the device", lambda frame: keys.open_up(frame) is not None)
        while len(frame) != kinds.FRAME_BYTES[kinds.FORM_SHORT]:
            _, frame = await listener.hear("the device", lambda frame: keys.open_up(frame) is not None)
        await scene.felt(device, "received", pressed)
    await scene.incident_in(device, "open")
    await scene.officer(device, "accept", "close")
    return frame


def message(frames, hub="hub1"):
    heard = [{"n": n + 1, "t": 0, "rssi": -50, "frame": f.hex()} for n, f in enumerate(frames)]
    return json.dumps({"v": 1, "hub": hub, "spool": "0badcafe", "sent": 0, "frames": heard}).encode()
