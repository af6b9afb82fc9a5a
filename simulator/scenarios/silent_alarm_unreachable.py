"""A silent alarm that nobody hears for five minutes: even *unreachable* is not shown."""

from ..story import Story


def play(story: Story) -> None:
    kitchen = story.hub("kitchen")
    pendant = story.pendant(awake_s=60)
    story.set_clock(pendant)
    story.reception(pendant, kitchen).deaf = True
    story.finger(pendant).click(4)
    story.run(300)
    assert not story.desk.incidents_now()
