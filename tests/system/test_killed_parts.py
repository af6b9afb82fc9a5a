"""kill -9 of every part in the middle of an SOS: the alarm arrives when the way is back, and nobody is told too much."""

import pytest
from scene import check_times

pytestmark = pytest.mark.system


@pytest.mark.parametrize("part", ["hub-hub1", "broker", "postgres"])
def test_a_part_killed_in_the_middle_of_an_sos_delays_the_alarm_and_loses_nothing(play, part):
    async def story(scene):
        device = scene.pendant()
        if part.startswith("hub-"):
            await scene.only(part.removeprefix("hub-"))  # no other hears it
        pressed = await scene.press(device)
        await scene.first_haptic(device, pressed)
        await scene.kill(part)
        await scene.felt(device, "pending", pressed)
        await scene.bring_back(part)
        told = await scene.felt(device, "received", pressed)
        (event,) = await scene.alarms(device)
        assert event["received_at"] < scene.wall_clock(told.t_ns)
        check_times(await scene.incident_in(device, "pending", "open"), event)
        await scene.incident_in(device, "open")
        await scene.officer(device, "accept", "close")

    play(story)


def test_a_firmware_killed_in_the_middle_of_an_sos_starts_anew_and_sends_what_its_journal_holds(play):
    async def story(scene):
        device = scene.pendant()
        await scene.reception(deaf=True)  # nobody has heard it yet
        pressed = await scene.press(device)
        await scene.first_haptic(device, pressed)
        await scene.finger_is_up(device)  # to the next start it would be another click
        scene.kill_firmware(device)
        await scene.reception(deaf=False)
        event = await scene.stored_alarm(device)
        await scene.felt(device, "received", pressed)
        check_times(await scene.incident_in(device, "pending", "open"), event)
        await scene.incident_in(device, "open")
        await scene.officer(device, "accept", "close")
        assert len(await scene.alarms(device)) == 1

    play(story)


def test_the_gateway_is_away_so_long_that_the_wearer_is_told_and_a_pendant_is_smashed_meanwhile(play):
    async def story(scene):
        waits, smashed = scene.pendant(), scene.pendant()
        keys = await scene.keys(smashed)
        pressed = await scene.press(waits)
        await scene.first_haptic(waits, pressed)
        await scene.kill("gateway")

        await scene.only("hub2")
        await scene.press(smashed)
        await scene.spooled("hub2", keys)
        await scene.destroy(smashed)

        await scene.felt(waits, "unreachable", pressed)
        told = [felt.name for felt in scene.wearers.felt_since(waits, pressed)]
        stored = await scene.alarms(waits)
        assert ("received" in told) <= bool(stored)
        assert await scene.alarms(smashed) == []

        await scene.start_gateway()
        for device in (waits, smashed):
            event = await scene.stored_alarm(device)
            check_times(await scene.incident_in(device, "pending", "open"), event)
        incident = await scene.incident_in(smashed, "open")  # by its timer: nobody can cancel it any more
        assert incident["opened_at"] is not None
        await scene.felt(waits, "received", pressed)
        await scene.incident_in(waits, "open")
        await scene.officer(waits, "accept", "close")

    play(story)


def test_an_alarm_that_came_while_every_part_behind_the_hub_was_dead_comes_out_of_the_spool(play):
    async def story(scene):
        device = scene.pendant()
        keys = await scene.keys(device)
        await scene.only("hub3")
        for part in ("gateway", "broker", "postgres"):
            await scene.kill(part)
        await scene.press(device)
        await scene.spooled("hub3", keys)
        await scene.destroy(device)
        await scene.kill("hub-hub3")
        for part in ("postgres", "broker", "gateway", "hub-hub3"):
            await scene.bring_back(part)
        event = await scene.stored_alarm(device)
        check_times(await scene.incident_in(device, "open"), event)
        assert event["hub"] == "hub3"

    play(story)
