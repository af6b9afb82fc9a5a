"""Three hubs as three processes at a real mosquitto: half of all advertisements are lost, no press is."""

import asyncio

import pytest

pytestmark = pytest.mark.system

SEEDS = (1, 7, 42)


def test_with_half_of_all_packets_lost_at_every_hub_no_press_is_lost_and_none_counts_twice(play):
    async def story(scene):
        devices = [device for device in scene.house.devices if device not in scene.destroyed]
        before = {device: len(await scene.alarms(device)) for device in devices}
        await scene.reception(loss=0.5)
        for seed in SEEDS:
            await scene.wearers.post("/air", {"seed": seed})
            async with asyncio.TaskGroup() as group:
                for device in devices:
                    group.create_task(scene.press_to_close(device))
        for device in devices:
            assert len(await scene.alarms(device)) - before[device] == len(SEEDS)
        heard = await scene.all(
            "SELECT DISTINCT sighting.hub FROM sighting JOIN event USING (device, boot, seq)"
        )
        assert {row["hub"] for row in heard} == set(scene.house.hubs)

    play(story)
