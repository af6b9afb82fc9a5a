"""Both ends of one radio conversation, word by word: lossy air, three hubs, one killed, a firmware killed, long frames."""

import pytest
from air import UP, a_frame, ears, play, until
from test_bluetooth import PENDANT, order

SEEDS = (1, 7, 42, 1234)
LONG = bytes(
    range(64)
)  # longer than the 20 bytes a characteristic holds by itself, and than one ATT packet of 23


class Transcript:
    """Lines in the order in which they were said, by either end."""

    def __init__(self, pendants, listening):
        self.lines = []
        told = pendants.told

        class Told(list):
            def append(inner, event):
                list.append(inner, event)
                self.lines.append(("pendant", event[1].removeprefix("ble."), *_said(event)))

        pendants.told = Told(told)
        pendants.air.send = lambda device, name, *args: pendants.told.append((device, name, *args))
        for ear in listening:
            self._follow(ear)

    def _follow(self, ear):
        heard, written = ear.radio._heard, ear.radio._written

        def hears(frame, rssi):
            if not any(line[1:] == ("hears", frame) for line in self.lines):
                self.lines.append(("a hub", "hears", frame))
            heard(frame, rssi)

        def writes(number, ok, why):
            self.lines.append(("a hub", "has written" if ok else "has not written", number))
            written(number, ok, why)

        ear.radio._heard, ear.radio._written = hears, writes


def _said(event):
    return (bytes.fromhex(event[4]),) if event[1] == "ble.write" else ()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_conversation_over_a_lossy_air_goes_as_written_whichever_hub_carries_it(seed):
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one", "two", "three") as hubs:
            for reception in air.hubs.values():
                reception.loss = 0.5
            transcript = Transcript(pendants, hubs)
            pendants.show(PENDANT, alarm := a_frame())
            await until("every hub hears it", lambda: all(alarm in hub.frames() for hub in hubs))
            hubs[seed % 3].radio.carry(order(1, frame=LONG))
            await until("the answer is there", lambda: pendants.written(PENDANT))
            air.notify(PENDANT, 1, UP, felt := b"\x12" + bytes(63))
            await until("the hub leaves", lambda: pendants.count(PENDANT, "ble.disconnected"))
            # What the pendant says to the answer may be heard before the answer's own receipt: both end the exchange.
            assert sorted(transcript.lines[3:5]) == [("a hub", "has written", 1), ("a hub", "hears", felt)]
            assert [*transcript.lines[:3], *transcript.lines[5:]] == [
                ("a hub", "hears", alarm),
                ("pendant", "connected"),
                ("pendant", "write", LONG),
                ("pendant", "disconnected"),
            ]

    play(story, seed)


def test_a_hub_killed_in_the_conversation_leaves_the_pendant_free_for_the_next():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one", "two") as (one, two):
            transcript = Transcript(pendants, (one, two))
            pendants.show(PENDANT, alarm := a_frame())
            one.radio.carry(order(1, frame=LONG))
            await until("the first is connected", lambda: pendants.count(PENDANT, "ble.connected"))
            air.unplug("one")
            await until("the pendant knows", lambda: pendants.count(PENDANT, "ble.disconnected"))
            pendants.show(PENDANT, alarm)
            two.radio.carry(order(2, frame=LONG[::-1]))
            await until("the second carries", lambda: LONG[::-1] in pendants.written(PENDANT))
            pendant = [line for line in transcript.lines if line[0] == "pendant" and line[-1] != LONG]
            assert pendant[:4] == [
                ("pendant", "connected"),
                ("pendant", "disconnected"),
                ("pendant", "connected"),
                ("pendant", "write", LONG[::-1]),
            ]

    play(story)


def test_a_firmware_killed_in_the_conversation_is_answered_after_its_next_start():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            pendants.show(PENDANT, alarm := a_frame())
            ear.radio.carry(order(1, frame=LONG))
            await until("the answer is there", lambda: pendants.written(PENDANT))
            air.active(PENDANT, False)  # what the world does when the process is gone
            await until("the hub is rid of it", lambda: not ear.radio._open)
            air.active(PENDANT, True)
            pendants.show(PENDANT, alarm)
            ear.radio.carry(order(2, frame=LONG[::-1]))
            await until("it is answered again", lambda: pendants.written(PENDANT) == [LONG, LONG[::-1]])

    play(story)
