"""A watch at a real mosquitto: TLS, a credential of its own, no hub in reach; and the broker killed in the middle."""

import pytest
from scene import check_times

pytestmark = pytest.mark.system


async def out_of_every_hubs_reach(scene):
    """Return a watch that has the mobile network alone, with no delays of its own."""
    watch = scene.watch()
    await scene.wearers.post("/modems", {"scale": 0})
    await scene.wearers.post(f"/devices/{watch}/reach", {"hubs": False})
    return watch


def test_a_watch_alone_logs_in_as_itself_over_tls_and_its_sos_comes_back_as_received_accepted_and_closed(
    play,
):
    async def story(scene):
        watch = await out_of_every_hubs_reach(scene)
        await scene.press_to_close(watch)
        (event,) = await scene.alarms(watch)
        heard = await scene.all(
            "SELECT hub FROM sighting WHERE device = %s AND seq = %s", watch, event["seq"]
        )
        assert [row["hub"] for row in heard if row["hub"]] == []
        broker = scene.house.broker.files.folder
        logged_in = [
            line
            for line in (broker / "mosquitto.log").read_text().splitlines()
            if f"u'device-{watch}'" in line
        ]
        assert logged_in
        # The broker has one listener, and that speaks TLS: whoever is logged in has come through it.
        settings = (broker / "mosquitto.conf").read_text().splitlines()
        assert len([line for line in settings if line.startswith("listener ")]) == 1
        assert any(line.startswith("certfile ") for line in settings)

    play(story)


def test_the_broker_is_killed_in_the_middle_of_a_watchs_sos_and_the_alarm_arrives_once_when_it_is_back(play):
    async def story(scene):
        watch = await out_of_every_hubs_reach(scene)
        pressed = await scene.press(watch)
        await scene.first_haptic(watch, pressed)
        await scene.kill("broker")
        await scene.felt(watch, "pending", pressed)
        await scene.bring_back("broker")
        told = await scene.felt(watch, "received", pressed)
        (event,) = await scene.alarms(watch)
        assert event["received_at"] < scene.wall_clock(told.t_ns)
        check_times(await scene.incident_in(watch, "pending", "open"), event)
        await scene.incident_in(watch, "open")
        await scene.officer(watch, "accept", "close")

    play(story)
