"""A fall over the real radio, hubs and broker: it is on the desk as pending, and what it felt like follows, whole."""

import pytest
from sos_wire import evidence

pytestmark = pytest.mark.system


def test_what_a_fall_felt_like_comes_whole_to_the_desk(play):
    async def story(scene):
        device = scene.pendant()
        await scene.wearers.post(f"/devices/{device}/motion", {"name": "fall"})
        scene.raised[device] += 1
        fall = await scene.stored_alarm(device)

        async def is_whole():
            rows = await scene.all(
                "SELECT samples, received_at FROM evidence WHERE (device, boot, seq) = (%s, %s, %s) ORDER BY piece",
                device,
                fall["boot"],
                fall["seq"],
            )
            return rows if sum(len(row["samples"]) for row in rows) == evidence.BYTES else None

        pieces = await scene.until("what the fall felt like is there", is_whole)
        assert len(pieces) == evidence.PIECES
        assert all(row["received_at"] > fall["received_at"] for row in pieces)
        await scene.officer(device, "accept", "close")

    play(story)
