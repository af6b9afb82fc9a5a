"""Three hubs as three processes at a real mosquitto: half of all advertisements are lost, no press is."""

import asyncio

import pytest

pytestmark = pytest.mark.system

SEEDS = (1, 7, 42)
PENDANTS, PRESSES = 5, 2


async def press_again_and_again(scene, device):
    for _ in range(PRESSES):
        await scene.press_to_close(device)


def test_with_half_of_all_packets_lost_at_every_hub_no_press_is_lost_and_none_counts_twice(play):
    async def story(scene):
        devices = [scene.pendant() for _ in range(PENDANTS)]
        await scene.reception(loss=0.5)
        for seed in SEEDS:
            await scene.wearers.post("/air", {"seed": seed})
            async with asyncio.TaskGroup() as group:
                for device in devices:
                    group.create_task(press_again_and_again(scene, device))
        for device in devices:
            assert len(await scene.alarms(device)) == len(SEEDS) * PRESSES
            assert len(await scene.incidents(device)) == len(SEEDS) * PRESSES
        heard = await scene.all(
            "SELECT DISTINCT sighting.hub FROM sighting JOIN event USING (device, boot, seq)"
        )
        assert {row["hub"] for row in heard} == set(scene.house.hubs)

    play(story)
