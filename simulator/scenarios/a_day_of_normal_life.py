"""A day: walks, a swinging cord, heartbeats four times an hour, a test on the charger, and no alarm at all."""

from functools import partial

from sos_wire import kinds

from ..story import Story

DAY_S = 86_400


def play(story: Story) -> None:
    kitchen = story.hub("kitchen")
    pendant = story.pendant()
    story.reception(pendant, kitchen).loss = 0.3
    chance, world = story.chance, story.world
    for _ in range(12):
        motion = chance.choice(("walk", "walk", "swing", "get-up"))
        world.at(chance.randrange(60, DAY_S - 60) * 1_000_000, partial(pendant.move, motion))
    story.run(DAY_S * 3 / 4)
    story.say("evening: the pendant goes on the charger, and two clicks test it")
    pendant.hardware.set_input("usb_sense", 1)
    story.finger(pendant).click(2)
    story.until(lambda: any(row["kind"] == kinds.TEST for row in story.desk.store.rows("event")), within_s=30)
    story.run(7200)
    pendant.hardware.set_input("usb_sense", 0)
    story.run(DAY_S - world.now_us / 1e6)
    assert not story.desk.incidents_now()
